/** A command line that is being written, read against the program: which command it is, and what stands at the cursor. */
import type { Argument, Command, Option } from 'commander';

export interface Line {
  command: Command;
  /** Values given before the cursor, and true for flags without one, by the option's name in commander. */
  given: ReadonlyMap<string, string | true>;
  /** The option whose value stands at the cursor; null: none. */
  valueOf: Option | null;
  /** What stands at the cursor need not be that value. */
  isValueOptional: boolean;
  /** The argument at the cursor; null: the command takes no more. */
  argument: Argument | null;
  /** A subcommand may stand at the cursor. */
  mayBeCommand: boolean;
  /** Behind `--`, where nothing is a flag. */
  onlyArguments: boolean;
  /** From its start to the cursor; empty where nothing has been written of it yet. */
  word: string;
}

/** @param words behind the program's name, the last one up to the cursor */
export function readLine(program: Command, words: readonly string[]): Line {
  const reader = new Reader(program);
  for (const word of words.slice(0, -1)) reader.read(word);
  return reader.line(words.at(-1) ?? '');
}

class Reader {
  #command: Command;
  readonly #given = new Map<string, string | true>();
  /** Waits for its value. */
  #option: Option | null = null;
  #arguments = 0;
  #onlyArguments = false;

  constructor(program: Command) {
    this.#command = program;
  }

  read(word: string): void {
    const isFlag = !this.#onlyArguments && word.startsWith('-') && word !== '-';
    if (this.#option && !(isFlag && isVoluntary(this.#option))) return this.#readValue(this.#option, word);
    this.#option = null;
    if (isFlag) return this.#readFlag(word);
    const subcommand = this.#arguments === 0 ? findCommand(this.#command, word) : undefined;
    if (subcommand) this.#command = subcommand;
    else this.#arguments++;
  }

  line(word: string): Line {
    const taken = this.#command.registeredArguments;
    const last = taken.at(-1);
    return {
      command: this.#command,
      given: this.#given,
      valueOf: this.#option,
      isValueOptional: this.#option !== null && isVoluntary(this.#option),
      argument: taken[this.#arguments] ?? (last?.variadic ? last : null),
      mayBeCommand: this.#arguments === 0 && this.#command.commands.length > 0,
      onlyArguments: this.#onlyArguments,
      word,
    };
  }

  #readValue(option: Option, word: string): void {
    this.#given.set(option.attributeName(), word);
    if (!option.variadic) this.#option = null;
  }

  #readFlag(word: string): void {
    if (word === '--') {
      this.#onlyArguments = true;
      return;
    }
    const [flag, value] = splitFlag(word);
    const option = findOption(this.#command, flag);
    if (!option) return;
    this.#given.set(option.attributeName(), value ?? true);
    if (value === undefined && (option.required || option.optional)) this.#option = option;
  }
}

/** Whether what follows need not be a value: there may be none, or there was one and more may come. */
function isVoluntary(option: Option): boolean {
  return option.optional || option.variadic;
}

/** `--mode=access` to both parts; without `=` there is no value. */
export function splitFlag(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

export function findOption(command: Command, flag: string): Option | undefined {
  for (let at: Command | null = command; at; at = at.parent) {
    const found = at.options.find(({ long, short }) => flag === long || flag === short);
    if (found) return found;
  }
  return undefined;
}

function findCommand(command: Command, name: string): Command | undefined {
  return command.commands.find((candidate) => candidate.name() === name || candidate.aliases().includes(name));
}
