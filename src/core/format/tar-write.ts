/** One file as a POSIX ustar archive. */
export function tarOf(name: string, body: Uint8Array, at: Date): Uint8Array {
  const block = 512;
  const out = new Uint8Array(block + Math.ceil(body.byteLength / block) * block + 2 * block);
  const text = new TextEncoder();
  const put = (offset: number, value: string) => out.set(text.encode(value), offset);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, name);
  put(100, `${octal(0o644, 7)}\0`);
  put(108, `${octal(0, 7)}\0`);
  put(116, `${octal(0, 7)}\0`);
  put(124, `${octal(body.byteLength, 11)}\0`);
  put(136, `${octal(Math.floor(at.getTime() / 1000), 11)}\0`);
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\0" + "00");
  const sum = out.subarray(0, block).reduce((total, byte) => total + byte, 0);
  put(148, `${octal(sum, 6)}\0 `);
  out.set(body, block);
  return out;
}
