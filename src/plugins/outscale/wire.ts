import { Failure } from "images";
import * as t from "typanion";

// The objects of the API, as far as they are read. What else is in them is left alone.

const isMore = { extra: t.isUnknown() };
const isText = t.isOptional(t.isNullable(t.isString()));
const isFlag = t.isOptional(t.isNullable(t.isBoolean()));
const isSize = t.isOptional(t.isNullable(t.isNumber()));
const isTexts = t.isOptional(t.isNullable(t.isArray(t.isString())));
const isTags = t.isOptional(t.isNullable(t.isArray(t.isObject({ Key: t.isString(), Value: t.isString() }, isMore))));
const maybe = <T>(is: t.StrictValidator<unknown, T>) => t.isOptional(t.isNullable(is));

const isMapping = t.isObject(
  {
    DeviceName: isText,
    VirtualDeviceName: isText,
    Bsu: maybe(
      t.isObject(
        { SnapshotId: isText, VolumeSize: isSize, VolumeType: isText, Iops: isSize, DeleteOnVmDeletion: isFlag },
        isMore,
      ),
    ),
  },
  isMore,
);
export type MappingAnswer = t.InferType<typeof isMapping>;

export const isImage = t.isObject(
  {
    ImageId: t.isString(),
    ImageName: isText,
    State: isText,
    StateComment: maybe(t.isObject({ StateCode: isText, StateMessage: isText }, isMore)),
    AccountId: isText,
    AccountAlias: isText,
    Architecture: isText,
    BlockDeviceMappings: maybe(t.isArray(isMapping)),
    BootModes: isTexts,
    CreationDate: isText,
    Description: isText,
    FileLocation: isText,
    ImageType: isText,
    PermissionsToLaunch: maybe(t.isObject({ AccountIds: isTexts, GlobalPermission: isFlag }, isMore)),
    ProductCodes: isTexts,
    RootDeviceName: isText,
    RootDeviceType: isText,
    SecureBoot: isFlag,
    Tags: isTags,
    TpmMandatory: isFlag,
  },
  isMore,
);
export type OmiAnswer = t.InferType<typeof isImage>;

export const isSnapshot = t.isObject(
  {
    SnapshotId: t.isString(),
    State: isText,
    Progress: isSize,
    Description: isText,
    AccountId: isText,
    Tags: isTags,
  },
  isMore,
);
export type SnapshotAnswer = t.InferType<typeof isSnapshot>;

export const isTask = t.isObject(
  {
    TaskId: t.isString(),
    State: isText,
    Progress: isSize,
    Comment: isText,
    OsuExport: t.isOptional(t.isObject({ OsuPrefix: isText }, isMore)),
  },
  isMore,
);
export type TaskAnswer = t.InferType<typeof isTask>;

export const isAccount = t.isObject({ AccountId: t.isString() }, isMore);

/** The one object, or the list, that an answer holds under a name. @throws Failure backend.answer */
export function held<T>(answer: unknown, name: string, is: t.StrictValidator<unknown, T>): T {
  const value = typeof answer === "object" && answer !== null && name in answer ? Reflect.get(answer, name) : undefined;
  const errors: string[] = [];
  if (is(value, { errors })) return value;
  throw new Failure(
    "backend.answer",
    `${name} is not as the API describes it: ${errors[0]?.replace(/\(got .*$/s, "") ?? "it is missing"}`,
    { hint: "check that `endpoint` is the Outscale API" },
  );
}

/** How the next page of a listing is asked for; undefined after the last one. */
export function nextPage(answer: unknown): string | undefined {
  const token =
    typeof answer === "object" && answer !== null && "NextPageToken" in answer ? answer.NextPageToken : undefined;
  return typeof token === "string" && token !== "" ? token : undefined;
}
