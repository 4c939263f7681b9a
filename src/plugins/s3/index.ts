import {
  type Complaint,
  type Desired,
  definePlugin,
  Failure,
  type Host,
  type ImageId,
  imageOf,
  type Keys,
  type Links,
  type ReadContext,
  s3Access,
  seconds,
  signedHeaders,
} from "images";
import { StoreBackend } from "../local/backend.ts";
import { wanted } from "../local/index.ts";
import { BucketStore } from "./bucket.ts";
import { explainBucket } from "./explain.ts";
import { BucketObjects } from "./objects.ts";
import { type BucketPlace, isPlace, placeOf } from "./place.ts";
import { config, image, type S3Config, starter } from "./schema.ts";

/** A store in a bucket, which can sign links to its images as well. */
class BucketBackend extends StoreBackend implements Links {
  readonly #bucket: BucketStore;

  constructor(store: BucketStore, file: string, url?: string) {
    super(store, file, url);
    this.#bucket = store;
  }

  async link(id: ImageId, lasting: number, _: ReadContext): Promise<string> {
    const entry = await this.#bucket.entry(id);
    if (entry === undefined) throw new Failure("backend.missing", `${id} is not in the store`);
    return await this.#bucket.link(entry.disk, lasting);
  }
}

async function objectsOf(settings: Desired<S3Config>, place: BucketPlace, host: Host): Promise<BucketObjects> {
  const { endpoint, region, profile, path_style: pathStyle, encrypt } = settings;
  const own = keysOf(settings, host);
  const given = { endpoint, region, profile: own === undefined ? profile : undefined, pathStyle };
  const access = await s3Access(
    { bucket: place.bucket, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) },
    {
      env: host.env,
      open: (options) => host.http(options),
      maskSecret: (secret) => host.maskSecret(secret),
      now: Date.now,
      purpose: `the store of ${host.backend}`,
    },
  );
  const keys = async () => own ?? (await access.keys());
  const http = host.http({
    url: access.base,
    headers: async (request) =>
      signedHeaders(request, { family: "AWS4", keys: await keys(), region: access.region, service: "s3" }, new Date()),
    explain: (answer) => explainBucket(answer, place),
    credentials: "`access_key` and `secret_key`, or the AWS credentials,",
  });
  return new BucketObjects(place, { ...access, keys }, http, encrypt);
}

/** @throws Failure config.secret where there is only half of them */
function keysOf({ access_key, secret_key }: Desired<S3Config>, host: Host): Keys | undefined {
  if (access_key === undefined && secret_key === undefined) return undefined;
  const name = /^env:(\w+)$/.exec(access_key ?? "")?.[1];
  const accessKey = name === undefined ? access_key : host.env[name];
  if (accessKey !== undefined && accessKey !== "" && secret_key !== undefined) {
    host.maskSecret(secret_key);
    return { accessKey, secretKey: secret_key };
  }
  throw new Failure("config.secret", `${host.backend} has only one of access_key and secret_key`, {
    hint: name === undefined ? "set both, or none" : `set ${name} in the environment`,
  });
}

const checkConfig = ({ path, access_key, secret_key }: Desired<S3Config>): readonly Complaint[] => [
  ...(isPlace(path)
    ? []
    : [
        {
          code: "config.value",
          attribute: "path",
          message: `invalid path ${JSON.stringify(path)}: expected s3://BUCKET/PREFIX`,
          hint: "for example s3://team-images/mirror",
        } as const,
      ]),
  ...((access_key === undefined) === (secret_key === undefined)
    ? []
    : [
        {
          code: "config.value",
          attribute: access_key === undefined ? "secret_key" : "access_key",
          message: "access_key and secret_key go together",
          hint: "set both, or none",
        } as const,
      ]),
];

export const s3 = definePlugin({
  api: 1,
  name: "s3",
  doc: "A store as `local` keeps it, in a bucket: a mirror without a server, a remote for Incus.",
  config,
  image,
  starter,
  bytes: wanted,
  names: (want, address) => [want.name ?? imageOf(address), ...(want.aliases ?? [])],
  checkConfig,
  async open(settings, host) {
    const keeping = {
      grace: (seconds(settings.grace) ?? 0) * 1000,
      resume: (seconds(settings.resume) ?? 0) * 1000,
    };
    const store = new BucketStore(await objectsOf(settings, placeOf(settings.path), host), keeping);
    return new BucketBackend(store, host.file, settings.url);
  },
});
