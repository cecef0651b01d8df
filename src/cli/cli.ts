/** What every command has: the global options, a client for the daemon, and the ways to print. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { Client } from './client.ts';
import type { Answer, Place } from './client.ts';
import { UsageError } from './errors.ts';
import { formatFields, formatTable, hasColour } from './output.ts';
import type { Cell } from './output.ts';

export const SOCKET_DEFAULT = '/run/tswitch/api.sock';

interface GlobalOptions {
  json?: boolean;
  socket: string;
  url?: string;
}

/** Global options of the program; `Cli` reads them. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('--json', "print the body of the daemon's answer unchanged")
    .addOption(new Option('--socket <path>', "the daemon's Unix socket").env('TSWITCH_SOCKET').default(SOCKET_DEFAULT))
    .addOption(
      new Option(
        '--url <url>',
        "the daemon's address instead of its socket, like http://127.0.0.1:8080; the token comes from TSWITCH_TOKEN",
      ).env('TSWITCH_URL'),
    );
}

export class Cli {
  readonly socket: string;
  /** Print bodies of HTTP answers unchanged. */
  readonly json: boolean;
  readonly client: Client;
  readonly #place: Place;
  readonly #colour = hasColour(process.stdout, process.env);

  /**
   * @param command the command that runs; it knows the options given before and after its name
   * @throws UsageError where these contradict each other
   */
  constructor(command: Command) {
    const { json = false, socket } = command.optsWithGlobals<GlobalOptions>();
    this.json = json;
    // Set but empty in the environment is not set.
    this.socket = socket || SOCKET_DEFAULT;
    const url = urlOf(command);
    this.#place =
      url === undefined
        ? { socket: this.socket }
        : { url: parseUrl(url), token: process.env.TSWITCH_TOKEN || undefined };
    this.client = new Client(this.#place);
  }

  /** A client for who has no patience. */
  clientWithin(answerMsMax: number): Client {
    return new Client(this.#place, answerMsMax);
  }

  /** Prints the answer's body with --json, else the line for people that `render` makes of it. */
  show<T>(answer: Answer<T>, render: (body: T) => string): void {
    if (!this.json) this.print(render(answer.body));
    else if (answer.text !== '') this.print(answer.text);
  }

  print(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
    return formatTable(heads, rows, this.#colour);
  }

  fields(fields: readonly (readonly [string, Cell])[]): string {
    return formatFields(fields, this.#colour);
  }
}

/** The URL, unless the socket is meant: what the command line says wins over the environment. */
function urlOf(command: Command): string | undefined {
  const { url } = command.optsWithGlobals<GlobalOptions>();
  const isOnLine = (option: string): boolean => command.getOptionValueSourceWithGlobals(option) === 'cli';
  if (!isOnLine('socket')) return url || undefined;
  if (isOnLine('url')) throw new UsageError('--socket and --url name two daemons: give one of them');
  return undefined;
}

/** @throws UsageError where `text` is no URL of a daemon */
function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw new UsageError(
      `--url ${JSON.stringify(text)}: give one like http://127.0.0.1:8080, and the token in TSWITCH_TOKEN`,
    );
  }
  return url;
}

const EXAMPLES = new WeakMap<Command, readonly string[]>();

/** What `examples` was told of a command. */
export function examplesOf(command: Command): readonly string[] {
  return EXAMPLES.get(command) ?? [];
}

const NOTES = new WeakMap<Command, readonly string[]>();

/** What `note` was told of a command. */
export function notesOf(command: Command): readonly string[] {
  return NOTES.get(command) ?? [];
}

/** Adds a paragraph to a command's help. */
export function note(command: Command, text: string): void {
  NOTES.set(command, [...notesOf(command), text]);
  command.addHelpText('after', `\n${text}`);
}

/** Adds examples to a command's help. @param lines without `tswitch` in front */
export function examples(command: Command, lines: readonly string[]): void {
  EXAMPLES.set(command, lines);
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ tswitch ${line}`).join('\n')}`);
}
