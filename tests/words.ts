/** A word that must not come back, and what to write instead. */
export interface Unwanted {
  readonly is: RegExp;
  readonly instead: string;
}

/** What no reader should stop at: in the docs, in the help, in messages and in the reference of the plugins. Names in code are not looked at. */
export const UNWANTED: readonly Unwanted[] = [
  { is: /\bfolders?\b/i, instead: "directory" },
  { is: /\b(?:told|tells?)\b/i, instead: "reported, returned; computed" },
  { is: /\bmistakes?\b/i, instead: "error" },
  { is: /\bours\b|\bof ours\b|\bnot mine\b/i, instead: "managed, unmanaged" },
  { is: /\b(?:the|our|a|its|whose|no|of) marks?\b/i, instead: "ownership marker, marker" },
  { is: /\banew\b|\bmade again\b/i, instead: "recreated, again" },
  { is: /\btak(?:en?|es|ing) (?:it |them |what \w+ )?(?:away|up)\b|\btake away\b/i, instead: "remove, delete; adopt" },
  { is: /\b(?:half|left) made\b/i, instead: "incomplete (interrupted run)" },
  { is: /\blet(?:s|ting)? go\b/i, instead: "remove from the state, forget" },
  { is: /\b(?:is|are) right\b/i, instead: "is valid" },
  { is: /\b(?:some|every|no)body\b/i, instead: "a subject: the user, another run, an administrator" },
  { is: /\bwhat (?:is|was) there\b|\bthere already\b|\bthat there (?:is|are)\b/i, instead: "existing" },
  { is: /\bstands? (?:in|for|at|behind|beside|there)\b/i, instead: "is in, means" },
  { is: /\bfinds? out\b|\bfound out\b/i, instead: "detect" },
  { is: /\bof the past\b/i, instead: "run history" },
  { is: /\b(?:is|are) got\b/i, instead: "is read, resolved" },
  { is: /(?<!\b(?:there|which|it)) (?:is|are) no (?!longer\b|more\b)[a-z]/i, instead: "invalid X: expected …, got …" },
  { is: /\bin the one way\b/i, instead: "Format images.toml" },
  { is: /\bnot the declared ones\b/i, instead: "checksum mismatch: expected A, got B" },
  { is: /\bsteers?\b/i, instead: "used at creation only" },
  { is: /\bwhose source has moved on\b/i, instead: "whose source has changed upstream" },
  { is: /\bthe way a file says\b/i, instead: "declarative machine images" },
  { is: /\b[Nn]othing was done\b|\bgoes on:/, instead: "Apply cancelled; Enter 'yes' to …" },
  { is: /\bby hand(?:made)\b|\bmakes? up\b|\bmade up\b/i, instead: "generate" },
];

/** The places where such a word is the right one. */
export const ALLOWED: readonly RegExp[] = [
  // Names of keys, of fields and of files.
  /`[^`]*`/g,
  /\]\([^)]*\)/g,
  // Clauses of the conformance suite.
  /\*[a-z -]+(?:, [a-z -]+)*\*/g,
];

/** The lines of a text that have an unwanted word, each with what to write instead. */
export const unwantedIn = (where: string, text: string): readonly string[] =>
  text.split("\n").flatMap((line, i) => {
    const bare = ALLOWED.reduce((left, fine) => left.replace(fine, ""), line);
    return UNWANTED.filter(({ is }) => is.test(bare)).map(
      ({ is, instead }) => `${where}:${i + 1}: "${is.exec(bare)?.[0]}": ${instead}: ${line.trim()}`,
    );
  });
