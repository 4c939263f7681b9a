import type { ErrorDetails } from "images";
import * as t from "typanion";

const isMore = { extra: t.isUnknown() };
const isText = t.isOptional(t.isNullable(t.isString()));
const isContext = t.isOptional(t.isNullable(t.isObject({ RequestId: isText }, isMore)));

const isEnvelope = t.isObject(
  {
    Errors: t.isArray(t.isObject({ Code: isText, Type: isText, Details: isText }, isMore)),
    ResponseContext: isContext,
  },
  isMore,
);
/** RFC 9457, as newer services answer. */
const isProblem = t.isObject({ title: isText, detail: isText, status: t.isNumber() }, isMore);

interface Answered {
  readonly status: number;
  readonly body: string;
}

/** What an answer of the API says that is no success. */
export function explain({ status, body }: Answered): ErrorDetails | undefined {
  const answer = jsonIn(body);
  if (isEnvelope(answer)) {
    const codes = answer.Errors.map(({ Code }) => Code ?? "");
    const message = answer.Errors.map(wordsOf)
      .filter((words) => words !== "")
      .join("; ");
    const id = answer.ResponseContext?.RequestId;
    return {
      ...(message === "" ? {} : { message }),
      ...(id == null ? {} : { id }),
      ...kindOf(status, codes, message),
    };
  }
  if (isProblem(answer)) {
    const message = [answer.title, answer.detail].filter((text) => text != null && text !== "").join(": ");
    return message === "" ? undefined : { message };
  }
  return undefined;
}

const wordsOf = ({ Code, Type, Details }: t.InferType<typeof isEnvelope>["Errors"][number]): string => {
  const name = [Type, Code].filter((text) => text != null && text !== "").join(" ");
  return [name, Details].filter((text) => text != null && text !== "").join(": ");
};

/** Conflicts with a state that passes: a volume (6007) or a VM (9039) that is not settled yet. */
const PASSING: ReadonlySet<string> = new Set(["6007", "9039"]);

/** By the range that a code is in, from the Go client: 5000 not found (with status 400), 6000 and 9000 conflicts, 10000 quotas. */
function kindOf(status: number, codes: readonly string[], message: string): Omit<ErrorDetails, "message" | "id"> {
  const within = (from: number, to: number) => codes.some((code) => Number(code) >= from && Number(code) < to);
  if (status === 401 && /too many|try again later/i.test(message))
    return { hint: "the key is locked for up to ten minutes after four bad signatures: check it, and wait" };
  if (status === 401 && /date|minutes/i.test(message))
    return { hint: "the clock of this machine is more than five minutes off: correct it" };
  if (status !== 400 && status !== 409) return {};
  if (within(5000, 6000)) return { code: "missing", hint: "check that the id belongs to this account and Region" };
  if (within(10_000, 11_000))
    return { code: "limits", hint: "a quota of the account is reached: delete what is not needed, or ask for more" };
  if (status === 409 && codes.some((code) => PASSING.has(code)))
    return { code: "busy", retry: true, hint: "an operation is still in progress: apply again later" };
  if (within(6000, 7000) || within(9000, 10_000)) return { code: "conflict" };
  return {};
}

/** The XML of the object store. */
export function explainStore({ body }: Answered): ErrorDetails | undefined {
  const part = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]?.trim() ?? "";
  const code = part("Code");
  const message = [code, part("Message")].filter((text) => text !== "").join(": ");
  const id = part("RequestId");
  return {
    ...(message === "" ? {} : { message }),
    ...(id === "" ? {} : { id }),
    ...(code === "NoSuchBucket" ? { hint: "create the bucket, or set another one in `bucket`" } : {}),
  };
}

function jsonIn(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
