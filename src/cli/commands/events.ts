/** events: what happens, as it happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import type { Command } from 'commander';
import { EVENT_NAMES } from '../../control/events.ts';
import type { SwitchEvent } from '../../control/events.ts';
import { Cli, examples } from '../cli.ts';
import { CliError, RefusedError } from '../errors.ts';
import { formatEvent } from '../event-line.ts';
import { printable } from '../output.ts';

/** Between two attempts to reach the daemon again. */
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 4000;

export function addEventCommand(program: Command): void {
  const events = program
    .command('events')
    .description(
      'show what happens, as it happens, until Ctrl-C, also across restarts of the daemon; with --json one document per line',
    )
    .addOption(new Option('--name <event...>', 'only events of these names').choices(EVENT_NAMES));
  events.action(async ({ name }: { name?: string[] }) => {
    const cli = new Cli(events);
    const stop = new AbortController();
    // For good: `timeout` and a terminal's process group send the signal twice.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
    await listen(cli, name, stop.signal);
  });
  examples(events, ['events', 'events --name port.lost port.up', 'events --json | jq .port']);
}

/**
 * Comes back after every interruption, with the id of the last event, so that the daemon tells what was missed meanwhile.
 *
 * @throws CliError where the first attempt fails, or the daemon refuses
 */
async function listen(cli: Cli, name: string[] | undefined, stop: AbortSignal): Promise<void> {
  const at: { lastId: string | undefined } = { lastId: undefined };
  await listenOnce(cli, name, stop, at);
  for (let pauseMs = PAUSE_MS_MIN; !stop.aborted; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => {});
    try {
      if (!stop.aborted && (await listenOnce(cli, name, stop, at))) pauseMs = PAUSE_MS_MIN;
    } catch (error) {
      if (!(error instanceof CliError) || error instanceof RefusedError) throw error;
    }
  }
}

/** Until the stream ends. @returns whether anything came */
async function listenOnce(
  cli: Cli,
  name: string[] | undefined,
  stop: AbortSignal,
  at: { lastId: string | undefined },
): Promise<boolean> {
  let reason = 'the connection was lost';
  let cameAny = false;
  const headers = at.lastId === undefined ? {} : { 'Last-Event-ID': at.lastId };
  try {
    for await (const line of cli.client.lines('/v1/events', { name }, stop, headers)) {
      cameAny = true;
      const [, field, value = ''] = /^(data|id|): (.*)$/.exec(line) ?? [];
      if (field === 'data') cli.print(cli.json ? value : printable(formatEvent(parseEvent(value))));
      else if (field === 'id') at.lastId = value;
      else if (value.startsWith('end: ')) reason = value.slice('end: '.length);
    }
  } catch (error) {
    if (!cameAny || !(error instanceof CliError)) throw error;
  }
  if (!stop.aborted) process.stderr.write(`tswitch: the stream of events ended: ${reason}; trying again\n`);
  return cameAny;
}

function parseEvent(text: string): SwitchEvent {
  // What the daemon sends is what its OpenAPI document says; both come from the same release.
  return JSON.parse(text) as SwitchEvent;
}
