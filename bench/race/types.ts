/** A command that is measured as a whole process, with everything that it starts and waits for. */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What one run of a command took. */
export interface Cost {
  /** Milliseconds of wall time. */
  readonly ms: number;
  /** Milliseconds of processor time, user and system. */
  readonly cpu: number;
  /** Bytes of memory of its largest process; undefined without GNU time. */
  readonly peak: number | undefined;
}

/** One side of a race: what is timed, and what is done around it untimed. */
export interface Contender {
  readonly run: Command;
  readonly before?: () => Promise<void>;
  readonly after?: () => Promise<void>;
}

/** The program that is measured: this build, or an older one beside it. */
export interface Program {
  readonly name: "ours" | "before";
  readonly argv: readonly string[];
  /** Empty directories of its own, on the disk and in memory, for images.toml and what goes with it. */
  readonly disk: string;
  readonly memory: string;
}

/** Limits that an issue or the README promises. */
export interface Goal {
  /** Of the medians of the wall times, ours to the peer's. */
  readonly ratio?: number;
  /** Of the medians of the processor times. */
  readonly cpu?: number;
  /** Ours alone, in milliseconds. */
  readonly ms?: number;
  /** Ours alone, in MB (10^6 bytes). */
  readonly peak?: number;
}

export interface Peer {
  readonly name: string;
  /** Names of tools (tools.ts). */
  readonly needs?: readonly string[];
  readonly goal?: Goal;
  readonly make: () => Promise<Contender>;
}

/** What is measured in one row, on the files that were made for it. */
export interface Contest {
  readonly title: string;
  /** Absent where only the machine's own limit is measured. */
  readonly ours?: (program: Program) => Promise<Contender>;
  readonly peers: readonly Peer[];
  /** Bytes that each side moves, for a rate beside the time. */
  readonly bytes?: number;
}

export interface Row {
  readonly name: string;
  readonly group: "local" | "openstack" | "incus";
  readonly about: string;
  /** Tools without which there is nothing to measure. */
  readonly needs?: readonly string[];
  /** Milliseconds rather than seconds: each sample is the median of ten runs. */
  readonly isShort?: boolean;
  readonly open: (race: Race) => Promise<Contest>;
}

/** What a row is given. */
export interface Race {
  /** Directories of this row alone, removed after it. */
  readonly disk: string;
  /** The same in memory where there is room, so that the disk is not what is measured; else on the disk. */
  readonly memory: string;
  readonly mib: number;
  /** The build that is measured. */
  readonly binary: string;
  /** A count of images, as it is or made smaller for a smoke run. */
  readonly count: (full: number) => number;
  /** The path of a tool that the row needs. @throws when it is not installed */
  readonly tool: (name: string) => string;
  /** Runs an untimed command. @throws when it fails */
  readonly run: (command: Command) => Promise<void>;
  readonly servers: Servers;
  /** Called at the end of the row, the last first. */
  readonly defer: (end: () => void | Promise<void>) => void;
}

/** The real servers, started when a row first asks for them. */
export interface Servers {
  readonly openstack: () => Promise<OpenStack>;
  readonly incus: () => Promise<Incus>;
}

/** What Keystone is asked for a token with: `body` has the password, and is sent to `url`. */
export interface TokenQuestion {
  readonly url: string;
  readonly body: string;
}

export interface OpenStack {
  readonly clouds: string;
  readonly glance: string;
  /** A token of a user of the project of this cloud. */
  readonly token: (cloud: "demo" | "other") => Promise<string>;
  readonly question: (cloud: "demo" | "other") => TokenQuestion;
  /** Deletes every image of the project. */
  readonly empty: (cloud: "demo" | "other") => Promise<void>;
}

export interface Incus {
  readonly socket: string;
  /** A directory for INCUS_CONF. */
  readonly conf: string;
}
