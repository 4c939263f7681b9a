import createModule from "node-liblzma/wasm/liblzma.js";
import { SLICE } from "./engine.ts";

type Module = Awaited<ReturnType<typeof createModule>>;
type Imports = ConstructorParameters<typeof WebAssembly.Instance>[1];

/** Answers of liblzma (lzma/base.h). */
export const ANSWER = { ok: 0, end: 1, memory: 5, memoryLimit: 6, format: 7, options: 8, data: 9, short: 10 } as const;
const RUN = 0;
const FINISH = 3;
const CRC64 = 4;
/** Goes on with the next stream behind the end of one, and takes padding (LZMA_CONCATENATED). */
const CONCATENATED = 8;
/** `lzma_stream` on a machine of 32 bits: next_in, avail_in, total_in (8), next_out, avail_out, … */
const STREAM = { size: 136, nextIn: 0, availableIn: 4, nextOut: 16, availableOut: 20 } as const;

/** Gives liblzma.wasm, compiled: a thread gets it from elsewhere than the program. */
export type LzmaCode = () => Promise<WebAssembly.Module>;

/** One stream of liblzma, compiled to WebAssembly, with a memory of its own, at most 256 MiB. */
export class Lzma {
  readonly #module: Module;
  readonly #stream: number;
  readonly #in: number;
  readonly #out: number;

  private constructor(module: Module) {
    this.#module = module;
    this.#stream = module._malloc(STREAM.size);
    this.#in = module._malloc(SLICE);
    this.#out = module._malloc(SLICE);
    module.HEAPU8.fill(0, this.#stream, this.#stream + STREAM.size);
  }

  static async #load(code: LzmaCode): Promise<Lzma> {
    const module = await code();
    const instantiateWasm = (imports: Imports, done: (instance: WebAssembly.Instance) => void): object => {
      const instance = new WebAssembly.Instance(module, imports);
      done(instance);
      return instance.exports;
    };
    return new Lzma(await createModule({ instantiateWasm }));
  }

  /** Unpacks .xz, and .lzma too; `memory` is the most bytes that it may need. */
  static async decoder(memory: number, code: LzmaCode): Promise<Lzma> {
    const coder = await Lzma.#load(code);
    const answer = coder.#module._lzma_auto_decoder(coder.#stream, BigInt(memory), CONCATENATED);
    if (answer !== ANSWER.ok) throw new Error(`liblzma gives no decoder (${answer})`);
    return coder;
  }

  /** Packs .xz with a CRC64; a level of 0 to 6 (the higher ones need more memory than there is). */
  static async encoder(level: number, code: LzmaCode): Promise<Lzma> {
    const coder = await Lzma.#load(code);
    const answer = coder.#module._lzma_easy_encoder(coder.#stream, level, CRC64);
    if (answer !== ANSWER.ok) throw new Error(`liblzma gives no encoder (${answer})`);
    return coder;
  }

  /** All output for at most `SLICE` bytes of input; with `finish`, up to the end of the data. Gives the answer that stopped it. */
  *code(input: Uint8Array, finish: boolean): Generator<Uint8Array, number> {
    const heap = this.#module;
    heap.HEAPU8.set(input, this.#in);
    this.#set(STREAM.nextIn, this.#in);
    this.#set(STREAM.availableIn, input.length);
    for (;;) {
      this.#set(STREAM.nextOut, this.#out);
      this.#set(STREAM.availableOut, SLICE);
      const answer = heap._lzma_code(this.#stream, finish ? FINISH : RUN);
      const made = SLICE - this.#get(STREAM.availableOut);
      if (made > 0) yield heap.HEAPU8.slice(this.#out, this.#out + made);
      if (answer !== ANSWER.ok) return answer;
      if (!finish && this.#get(STREAM.availableIn) === 0 && made < SLICE) return answer;
    }
  }

  #view(): DataView {
    return new DataView(this.#module.HEAPU8.buffer);
  }

  #set(field: number, value: number): void {
    this.#view().setUint32(this.#stream + field, value, true);
  }

  #get(field: number): number {
    return this.#view().getUint32(this.#stream + field, true);
  }
}
