/** The path of a text that the bundler embeds for `with { type: "file" }`. */
declare module "*/THIRD-PARTY.txt" {
  const path: string;
  export default path;
}

declare module "*.ts.txt" {
  const path: string;
  export default path;
}
declare module "*.json.txt" {
  const path: string;
  export default path;
}
