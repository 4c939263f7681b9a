import { versitygw } from "../core/store/servers.ts";
import { bucketsOf } from "./buckets.ts";

// A page of a bucket has a thousand keys: enough to see that no image costs a request of its own.
await bucketsOf("versitygw", versitygw, { page: 20, checksSignatures: true });
