/** Modules of undici that are loaded one by one; its types are of the whole package. */
declare module "undici/lib/dispatcher/agent.js" {
  import { Agent } from "undici/index.js";
  export default Agent;
}
declare module "undici/lib/dispatcher/client.js" {
  import { Client } from "undici/index.js";
  export default Client;
}
declare module "undici/lib/web/websocket/websocket.js" {
  export { WebSocket } from "undici/index.js";
}
