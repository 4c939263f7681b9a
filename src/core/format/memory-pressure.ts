import { LARGE, trim } from "./collection.ts";
import { FlowOfBytes } from "./ring.ts";

/** With so many flows, buffers are as small as they get. */
const CROWD = 8;
/** Milliseconds between two looks at the code in memory: what comes between two images runs without a piece that is counted. */
const OFTEN = 20;
let held = 0;

/**
 * Work that holds a dictionary as `xz -9` has it, which leaves little of what a run may take: until its end the buffers of all flows are the
 * smallest, the parts of uploads go one after the other, and code that ran once does not stay in memory.
 */
export class MemoryPressure implements Disposable {
  readonly #flows = new FlowOfBytes(CROWD);
  readonly #looking = setInterval(() => trim(), OFTEN);

  private constructor() {
    this.#looking.unref();
    held += 1;
  }

  /** Undefined: so many bytes leave room. */
  static of(bytes: number): MemoryPressure | undefined {
    return bytes > LARGE ? new MemoryPressure() : undefined;
  }

  static get isOn(): boolean {
    return held > 0;
  }

  [Symbol.dispose](): void {
    held -= 1;
    clearInterval(this.#looking);
    this.#flows[Symbol.dispose]();
  }
}
