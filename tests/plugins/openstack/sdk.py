"""What openstacksdk makes of the clouds of clouds.yaml: a JSON object for each (cloud, region) of the arguments."""
import copy, json, sys, warnings

warnings.simplefilter("ignore")
import logging

logging.disable(logging.CRITICAL)
from openstack.config import loader, vendors

# Read once; each cloud gets a copy, so that none sees what another has made of it.
read = loader.OpenStackConfig(load_envvars=True)
answers = []
for cloud, region in ((*pair, None)[:2] for pair in json.loads(sys.argv[1])):
    try:
        one = copy.deepcopy(read).get_one(cloud, **({"region_name": region} if region else {}))
        c = one.config
        auth = c["auth"]
        answers.append(
            {
                "auth_url": auth.get("auth_url"),
                "user": auth.get("username") or auth.get("user_id"),
                "project": auth.get("project_id") or auth.get("project_name"),
                "region": one.get_region_name("image") or None,
                "interface": one.get_interface("image") or "public",
                "endpoint": c.get("image_endpoint_override"),
                "verify": one.get_requests_verify_args()[0] is not False,
            }
        )
    except Exception as error:
        answers.append({"error": type(error).__name__})
print(json.dumps({"answers": answers, "vendors": vendors._get_vendor_defaults()}, default=str))
