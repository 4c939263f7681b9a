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

/** The text of a file beside the module, for `with { type: "text" }`: what a page is drawn and worked with. */
declare module "*.css" {
  const text: string;
  export default text;
}
declare module "*.browser.js" {
  const text: string;
  export default text;
}
