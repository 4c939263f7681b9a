/**
 * How long something stays unfinished: it is shown unfinished `polls` times, or for `ms` milliseconds, or until a test
 * settles it.
 */
export type Pace = { readonly polls: number } | { readonly ms: number } | "settle";

interface Task {
  readonly subject: string;
  readonly pace: Pace;
  readonly begun: number;
  readonly finish: () => void;
  shown: number;
}

/** The work that an emulated cloud does by itself. Nothing runs on a timer: time is looked at when a request comes. */
export class Progress {
  readonly #tasks: Task[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Begins work on a subject; a subject may have several tasks at once, and `finish` may begin the next one. */
  begin(subject: string, pace: Pace, finish: () => void): void {
    this.#tasks.push({ subject, pace, finish, begun: this.#now(), shown: 0 });
  }

  /** To be called before a subject is shown to a client: finishes what is due, and counts the rest as shown once. */
  look(subject: string): void {
    for (;;) {
      const due = this.#tasks.find((task) => task.subject === subject && isShownEnough(task));
      if (due === undefined) break;
      this.#finish(due);
    }
    for (const task of this.#tasks) if (task.subject === subject) task.shown += 1;
  }

  /** Finishes what is due by time; to be called whenever a request comes. */
  tick(): void {
    for (;;) {
      const now = this.#now();
      const due = this.#tasks.find((task) => isOldEnough(task, now));
      if (due === undefined) return;
      this.#finish(due);
    }
  }

  /** Finishes everything, or everything of one subject, whatever its pace; what that begins is finished too. */
  settle(subject?: string): void {
    for (;;) {
      const task = this.#tasks.find((one) => subject === undefined || one.subject === subject);
      if (task === undefined) return;
      this.#finish(task);
    }
  }

  /** Gives up the work on a subject, unfinished. */
  forget(subject: string): void {
    const kept = this.#tasks.filter((task) => task.subject !== subject);
    this.#tasks.splice(0, this.#tasks.length, ...kept);
  }

  isBusy(subject: string): boolean {
    return this.#tasks.some((task) => task.subject === subject);
  }

  #finish(task: Task): void {
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    task.finish();
  }
}

function isShownEnough(task: Task): boolean {
  return typeof task.pace === "object" && "polls" in task.pace && task.shown >= task.pace.polls;
}

function isOldEnough(task: Task, now: number): boolean {
  return typeof task.pace === "object" && "ms" in task.pace && now - task.begun >= task.pace.ms;
}
