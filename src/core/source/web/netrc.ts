/** A login that a netrc file has for one machine. */
interface NetrcLogin {
  readonly login: string;
  readonly password: string;
}

/**
 * Finds a machine in the text of a netrc file (man 5 netrc): by its name, else `default`. Comments, quoted values and `macdef`
 * blocks are understood. Undefined when there is none, or one without a password.
 */
export function findLogin(text: string, machine: string): NetrcLogin | undefined {
  const words = tokens(text);
  let current: { names: boolean; fallback: boolean; login: string; password: string | undefined } | undefined;
  let fallback: NetrcLogin | undefined;
  const finish = (): NetrcLogin | undefined => {
    if (current?.password === undefined) return undefined;
    const login = { login: current.login, password: current.password };
    if (current.names) return login;
    if (current.fallback) fallback ??= login;
    return undefined;
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === "machine" || word === "default") {
      const found = finish();
      if (found !== undefined) return found;
      const name = word === "machine" ? words[++i] : undefined;
      current = {
        names: name?.toLowerCase() === machine.toLowerCase(),
        fallback: word === "default",
        login: "",
        password: undefined,
      };
    } else if (word === "login" && current !== undefined) current.login = words[++i] ?? "";
    else if (word === "password" && current !== undefined) current.password = words[++i] ?? "";
    else if (word === "account") i++;
  }
  return finish() ?? fallback;
}

/** Words in order; a `macdef` runs to the next empty line and gives none. */
function tokens(text: string): readonly string[] {
  const words: string[] = [];
  let inMacro = false;
  for (const line of text.split(/\r?\n/)) {
    if (inMacro) {
      inMacro = line.trim() !== "";
      continue;
    }
    for (const found of line.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g)) {
      const [, quoted, plain] = found;
      if (plain?.startsWith("#") && words.at(-1) !== "password") break;
      if (plain === "macdef") {
        inMacro = true;
        break;
      }
      words.push(quoted === undefined ? (plain ?? "") : quoted.replace(/\\(.)/g, "$1"));
    }
  }
  return words;
}
