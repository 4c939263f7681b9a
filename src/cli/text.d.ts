/** The path of a text that the bundler embeds for `with { type: "file" }`. */
declare module "*/THIRD-PARTY.txt" {
  const path: string;
  export default path;
}
