import { digest } from "../../../src/core/model/digest.ts";
import type { Event } from "../../../src/core/model/event.ts";
import { imageId } from "../../../src/core/model/name.ts";
import { at, FULL, HOSTILE } from "./plans.ts";

const MIB = 1024 ** 2;
const ID = imageId("5b3e0c1a-5555-4555-8555-0123456789ab");

const up = (megabytes: number): Event => ({
  type: "transfer.progress",
  address: at("lab/debian"),
  phase: "upload",
  done: megabytes * MIB,
  total: 4198 * MIB,
});

/** An apply in which everything happens that can: numbers are pauses in milliseconds. */
export const RUN: readonly (Event | number)[] = [
  { type: "run.started", run: "r-1", command: "apply", at: "2026-01-02T03:04:05.000Z" },
  { type: "step.started", address: at("lab/debian"), action: "create" },
  { type: "step.started", address: at("out/old"), action: "delete", id: imageId("ami-5d4a0000") },
  { type: "transfer.started", address: at("lab/debian"), phase: "upload", total: 4198 * MIB, attempt: 1 },
  1000,
  up(60),
  100,
  up(64),
  900,
  up(120),
  { type: "step.done", address: at("out/old"), action: "delete", ms: 2000 },
  9000,
  up(512),
  { type: "step.identified", address: at("lab/debian"), id: ID },
  { type: "step.started", address: at("ru/broken"), action: "create" },
  { type: "step.note", address: at("ru/broken"), text: "the image is converted to raw first" },
  { type: "transfer.started", address: at("ru/broken"), phase: "wait", attempt: 1 },
  {
    type: "transfer.progress",
    address: at("ru/broken"),
    phase: "wait",
    done: 0,
    what: "the image to become active (queued)",
  },
  1000,
  { type: "transfer.started", address: at("lab/debian"), phase: "upload", total: 4198 * MIB, attempt: 2 },
  up(0),
  10_000,
  up(2000),
  {
    type: "step.failed",
    address: at("ru/broken"),
    action: "create",
    failure: {
      code: "backend.quota",
      message: "quota of 5 images is used up",
      hint: "delete an image, or ask for more",
      where: "POST https://glance.example.org/v2/images",
    },
    ms: 11_000,
  },
  { type: "step.skipped", address: at("ru/dependent"), action: "create", because: "ru/broken failed" },
  { type: "step.started", address: at("lab/taken"), action: "block" },
  {
    type: "step.failed",
    address: at("lab/taken"),
    action: "block",
    failure: {
      code: "plan.blocked",
      message: "alpine (9f8e) is there already and is not ours",
      hint: "`--adopt` adopts it anyway",
    },
    ms: 0,
  },
  12_000,
  up(4198),
  {
    type: "transfer.done",
    address: at("lab/debian"),
    phase: "upload",
    done: 4198 * MIB,
    digest: digest("sha256", "ab".repeat(32)),
    ms: 23_000,
  },
  { type: "transfer.started", address: at("lab/debian"), phase: "wait", total: 4, attempt: 1 },
  {
    type: "transfer.progress",
    address: at("lab/debian"),
    phase: "wait",
    done: 1,
    total: 4,
    what: "replicas (us-east: pending)",
  },
  8000,
  { type: "step.done", address: at("lab/debian"), action: "create", id: ID, ms: 42_000 },
  {
    type: "run.done",
    outcome: "failed",
    counts: {
      added: 1,
      changed: 0,
      destroyed: 1,
      imported: 0,
      forgotten: 0,
      verified: 0,
      failed: 2,
      stopped: 0,
      skipped: 1,
    },
    ms: 42_000,
  },
];

/** A plan as its events tell it. */
export const PLANNING: readonly (Event | number)[] = [
  { type: "run.started", run: "r-0", command: "plan", at: "2026-01-02T03:04:05.000Z" },
  { type: "read.started", address: at("lab/debian") },
  { type: "read.started", address: at("ru/debian"), id: imageId("5b3e0c1a-2222") },
  11_000,
  { type: "read.done", address: at("ru/debian"), id: imageId("5b3e0c1a-2222") },
  {
    type: "backend.failed",
    backend: "lin",
    addresses: [at("lin/a"), at("lin/b")],
    failure: { code: "backend.auth", message: "the token is not accepted", hint: "set LINODE_TOKEN" },
  },
  ...FULL.drift.slice(0, 1).map((drift): Event => ({ type: "drift.found", drift })),
  { type: "plan.done", plan: FULL },
];

/** Hostile text in every event that a server has a say in. */
export const ATTACK: readonly (Event | number)[] = [
  { type: "run.started", run: "r-2", command: "apply", at: "2026-01-02T03:04:05.000Z" },
  { type: "step.started", address: at("lab/evil"), action: "update", id: imageId(HOSTILE) },
  { type: "step.note", address: at("lab/evil"), text: HOSTILE },
  { type: "step.identified", address: at("lab/evil"), id: imageId(HOSTILE) },
  10_000,
  {
    type: "step.failed",
    address: at("lab/evil"),
    action: "update",
    failure: { code: "backend.refused", message: HOSTILE, hint: HOSTILE, where: HOSTILE },
    ms: 10_000,
  },
  { type: "step.skipped", address: at("lab/next"), action: "create", because: HOSTILE },
  { type: "step.done", address: at("lab/other"), action: "adopt", id: imageId(HOSTILE), ms: 1 },
  {
    type: "backend.failed",
    backend: "b",
    addresses: [],
    failure: { code: "backend.auth", message: HOSTILE, hint: HOSTILE, where: HOSTILE },
  },
];

export const DESTROYED: readonly (Event | number)[] = [
  { type: "run.started", run: "r-3", command: "destroy", at: "2026-01-02T03:04:05.000Z" },
  { type: "step.started", address: at("lab/a"), action: "delete", id: imageId("77") },
  3000,
  { type: "step.done", address: at("lab/a"), action: "delete", ms: 3000 },
  {
    type: "run.done",
    outcome: "succeeded",
    counts: {
      added: 0,
      changed: 0,
      destroyed: 1,
      imported: 0,
      forgotten: 0,
      verified: 0,
      failed: 0,
      stopped: 0,
      skipped: 0,
    },
    ms: 3000,
  },
];

/** Characters that a terminal would act on, but for the end of a line. */
export const dangerous = (text: string): string[] =>
  text.match(/[\p{Cc}\p{Bidi_Control}]/gu)?.filter((found) => found !== "\n") ?? [];
