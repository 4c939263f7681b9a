/** One of the ways in which an image can be made without bytes of ours. */
export interface Origin {
  /** In words: "from an instance". */
  readonly name: string;
  /** Attributes that all have to be given; any one of them says that this origin is meant. */
  readonly needs: readonly string[];
  /** Attributes that only go with this origin. */
  readonly may?: readonly string[];
  /** Of `needs`: attributes that may stand beside a `source` as well, and say more of an image that is made from bytes. */
  readonly also?: readonly string[];
  /** The attribute that, when it is false, keeps what was once taken, wherever the origin points since. */
  readonly follow?: string;
  /** `resolve` tells the sha256 of what the backend will take, and the backend takes nothing else. Without: `[policy]` refuses it where it requires a checksum. */
  readonly digest?: boolean;
}
