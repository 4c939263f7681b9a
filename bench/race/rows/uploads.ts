import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeNoise } from "../files.ts";
import { applied, shell } from "../sides.ts";
import { terraform } from "../terraform.ts";
import type { Command, Contender, Contest, Goal, Peer, Race, Row } from "../types.ts";

// One large image into a real Glance and a real Incus, beside their own clients.

const MiB = 2 ** 20;
const GOAL: Goal = { ratio: 0.8, peak: 150 };
/** Of curl and the one hash that the backend compares with. */
const CPU: Goal = { cpu: 1.5 };

const GLANCE = `[settings]
name = "race"
[backend.x]
plugin = "openstack"
cloud = "demo"
[image.large]
disk_format = "raw"
source = "../../disk.img"
`;

async function intoGlance(race: Race): Promise<Contest> {
  const { clouds, empty, token, glance } = await race.servers.openstack();
  const file = join(race.memory, "disk.img");
  await makeNoise(file, race.mib);
  const env = { OS_CLIENT_CONFIG_FILE: clouds };
  const other = { ...env, OS_CLOUD: "other" };
  const before = () => empty("other");
  const openstack: Peer = {
    name: "openstack image create",
    needs: ["openstack"],
    goal: GOAL,
    make: async () => {
      const words = ["image", "create", "--disk-format", "raw", "--container-format", "bare", "--file", file, "race"];
      return { run: { argv: [race.tool("openstack"), ...words], cwd: race.memory, env: other }, before };
    },
  };
  const curl: Peer = {
    name: "curl -T, sha512sum",
    needs: ["curl", "sha256sum"],
    goal: CPU,
    make: async () => {
      const directory = join(race.memory, "curl");
      const side = await shell(`curl -sSf -K curlrc && sha512sum '${file}'`, directory);
      return { ...side, before: () => announced(directory, { file, glance, token: () => token("other"), before }) };
    },
  };
  return {
    title: `${race.mib} MiB into Glance`,
    bytes: race.mib * MiB,
    ours: (program) =>
      applied(program, join(program.memory, "glance"), { toml: GLANCE, env, before: () => empty("demo") }),
    peers: [
      {
        name: "terraform apply",
        needs: ["terraform", "terraform-provider-openstack"],
        goal: GOAL,
        make: () =>
          terraform(race, { directory: join(race.memory, "terraform"), env, file, count: 1, words: ["apply"], before }),
      },
      openstack,
      curl,
    ],
  };
}

interface Announced {
  readonly file: string;
  readonly glance: string;
  readonly token: () => Promise<string>;
  readonly before: () => Promise<void>;
}

/** An image without bytes, and what curl needs to bring them: the token in a file, not among the words. */
async function announced(directory: string, { file, glance, token, before }: Announced): Promise<void> {
  await before();
  const login = await token();
  const answer = await fetch(`${glance}/v2/images`, {
    method: "POST",
    headers: { "x-auth-token": login, "content-type": "application/json" },
    body: JSON.stringify({ name: "curl", disk_format: "raw", container_format: "bare" }),
  });
  if (!answer.ok) throw new Error(`Glance answered ${answer.status}`);
  const { id }: { id: string } = JSON.parse(await answer.text());
  const lines = [
    `url = "${glance}/v2/images/${id}/file"`,
    `upload-file = "${file}"`,
    `header = "X-Auth-Token: ${login}"`,
    'header = "Content-Type: application/octet-stream"',
  ];
  await writeFile(join(directory, "curlrc"), `${lines.join("\n")}\n`);
}

/** An image that is stored as it is, for it is noise: metadata and one file. */
async function tarball(race: Race): Promise<string> {
  const root = join(race.memory, "made");
  await mkdir(join(root, "rootfs"), { recursive: true });
  await writeFile(join(root, "metadata.yaml"), "architecture: x86_64\ncreation_date: 1700000000\nproperties: {}\n");
  await makeNoise(join(root, "rootfs/noise"), race.mib);
  const words = ["-C", root, "--remove-files", "-cf", join(race.memory, "large.tar"), "metadata.yaml", "rootfs"];
  await race.run({ argv: ["tar", ...words], cwd: race.memory });
  await race.run({ argv: ["bash", "-ec", "sha256sum large.tar >large.sum"], cwd: race.memory });
  return (await readFile(join(race.memory, "large.sum"), "utf8")).slice(0, 64);
}

async function intoIncus(race: Race): Promise<Contest> {
  const { socket, conf } = await race.servers.incus();
  const fingerprint = await tarball(race);
  const env = { INCUS_SOCKET: socket, INCUS_CONF: conf };
  const incus = (...words: readonly string[]): Command => ({
    argv: [race.tool("incus"), ...words],
    cwd: race.memory,
    env,
  });
  // The same bytes are the same image: nobody may find them there.
  const forget = () => race.run(incus("image", "delete", fingerprint));
  const curl = `op=$(curl -sSf --unix-socket '${socket}' -X POST -T ../large.tar -H 'Content-Type: application/octet-stream' http://incus/1.0/images |
    sed -n 's/.*"operation":"\\([^"]*\\)".*/\\1/p')
  curl -sSf --unix-socket '${socket}' "http://incus$op/wait" | grep -q '"status":"Success"'`;
  const sum = `${curl}\n  sha256sum ../large.tar`;
  const toml = `[settings]\nname = "race"\n[backend.lab]\nplugin = "incus"\nsocket = "${socket}"\n[image.large]\nsource = "../../large.tar"\n`;
  return {
    title: `${race.mib} MiB into Incus`,
    bytes: race.mib * MiB,
    ours: async (program): Promise<Contender> =>
      applied(program, join(program.memory, "incus"), { toml, env, after: forget }),
    peers: [
      {
        name: "incus image import",
        needs: ["incus"],
        goal: GOAL,
        make: async () => ({ run: incus("image", "import", "large.tar", "--alias", "race"), after: forget }),
      },
      {
        name: "curl -T, sha256sum",
        needs: ["curl", "sha256sum"],
        goal: CPU,
        make: async () => ({ ...(await shell(sum, join(race.memory, "curl"))), after: forget }),
      },
      {
        name: "curl, the two requests alone",
        needs: ["curl"],
        make: async () => ({ ...(await shell(curl, join(race.memory, "alone"))), after: forget }),
      },
    ],
  };
}

export const UPLOADS: readonly Row[] = [
  { name: "glance-upload", group: "openstack", about: "a large image into Glance", open: intoGlance },
  { name: "incus-upload", group: "incus", about: "a large image into Incus", needs: ["incus"], open: intoIncus },
];
