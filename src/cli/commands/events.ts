/** events: what happens, as it happens. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { EVENT_NAMES } from '../../control/events.ts';
import type { SwitchEvent } from '../../control/events.ts';
import { Cli, examples } from '../cli.ts';
import { CliError } from '../errors.ts';
import { formatEvent } from '../event-line.ts';
import { printable } from '../output.ts';

export function addEventCommand(program: Command): void {
  const events = program
    .command('events')
    .description('show what happens, as it happens, until Ctrl-C; with --json one document per line')
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

/** @throws CliError where the daemon, and not `stop`, ends it */
async function listen(cli: Cli, name: string[] | undefined, stop: AbortSignal): Promise<void> {
  let reason = 'its connection was lost';
  for await (const line of cli.client.lines('/v1/events', { name }, stop)) {
    const [, field, value = ''] = /^(data|): (.*)$/.exec(line) ?? [];
    if (field === 'data') cli.print(cli.json ? value : printable(formatEvent(parseEvent(value))));
    else if (value.startsWith('end: ')) reason = value.slice('end: '.length);
  }
  if (!stop.aborted) throw new CliError(`the stream of events from ${cli.socket} ended: ${reason}`);
}

function parseEvent(text: string): SwitchEvent {
  // What the daemon sends is what its OpenAPI document says; both come from the same release.
  return JSON.parse(text) as SwitchEvent;
}
