/** `mirror.example.org`, `mirror.example.org:8443`. */
export const isHost = (text: string): boolean =>
  /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/i.test(text) && URL.canParse(`https://${text}`);

/** Names of headers that carry a secret. */
export const SECRET_HEADER = /auth|token|secret|cookie|api-?key|password|signature|credential/i;

/** A key itself, not its path: an armoured OpenPGP block, or a minisign key (56 characters of base64). */
export const isKey = (text: string): boolean =>
  text.includes("-----BEGIN") || /^(?:.*\n)?RW[A-Za-z0-9+/]{54}\s*$/.test(text);
