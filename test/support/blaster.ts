/** A host that sprays the switch with source addresses, at full speed, from a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { stop } from './agents.ts';

const PROGRAM = fileURLToPath(new URL('./blaster-program.ts', import.meta.url));

export interface BlastTask {
  /** Path of the namespace; the frames leave by its eth0. */
  netns: string;
  /** It ends after so many frames or seconds, whatever comes first. */
  frames: number;
  seconds: number;
  /** Where all frames go; null: each to an address of its own, which nobody has. */
  destination: string | null;
  /** Number of the first source address, the rest count up from there. */
  firstSource: number;
}

export class Blaster {
  readonly #child: ChildProcess;
  /** Frames sent, once it is done. */
  readonly done: Promise<number>;

  constructor(task: BlastTask) {
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => (printed += text));
    this.done = once(this.#child, 'close').then(([code]) => {
      if (code !== 0) throw new Error(`the blaster ended with ${code}`);
      return Number(printed);
    });
    // Whoever waits for it gets the error; whoever abandoned it does not care.
    this.done.catch(() => {});
  }

  abandon(): Promise<void> {
    return stop(this.#child);
  }
}
