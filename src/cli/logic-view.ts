/** Loaded logics for people. */
import type { LogicDiffView, LogicVersionView, LogicView, MissingLogicView } from '../control/logic/model.ts';
import type { Cli } from './cli.ts';
import type { Cell } from './output.ts';
import { printable } from './output.ts';
import { formatVidList } from './values.ts';

const SHORT_FRAME_DIGITS = 96;

export function logicTable(cli: Cli, logics: readonly LogicView[]): string {
  if (logics.length === 0) return 'no logics are loaded; the built-in one decides all frames';
  const rows = logics.flatMap((logic) =>
    (['live', 'shadow'] as const).flatMap((state): Cell[][] => {
      const version = logic[state];
      const missing = logic.missing.filter((each) => each.state === state);
      return version === null ? missing.map((each) => missingRow(logic, each)) : [rowOf(logic, state, version)];
    }),
  );
  return cli.table(['NAME', 'STATE', 'PORTS', 'VLANS', 'FRAMES', 'DECIDED', 'NS/FRAME', 'FAULTS', 'FILE'], rows);
}

function rowOf({ name, ports, vlans }: LogicView, state: 'live' | 'shadow', version: LogicVersionView): Cell[] {
  const { frames, decided, faults, microseconds, file } = version;
  const nanoseconds = frames === 0 ? 0 : Math.round((microseconds * 1000) / frames);
  const colour = state === 'live' ? 'green' : 'dim';
  const scope: Cell[] = [ports.join(',') || 'all', formatVidList(vlans)];
  return [name, { text: state, colour }, ...scope, frames, decided, nanoseconds, faults, file];
}

function missingRow({ name, ports, vlans }: LogicView, { state, file, reason }: MissingLogicView): Cell[] {
  const scope: Cell[] = [ports.join(',') || 'all', formatVidList(vlans)];
  const text = reason === null ? `${state}, loading` : `${state}, NOT LOADED`;
  return [name, { text, colour: reason === null ? 'dim' : 'red' }, ...scope, '', '', '', '', file];
}

export function logicText(cli: Cli, logic: LogicView): string {
  const { name, ports, vlans, live, shadow, previous, missing } = logic;
  const head = cli.fields([
    ['name', name],
    ['ports', ports.join(', ') || 'all'],
    ['vlans', formatVidList(vlans)],
    ['rollback to', previous === null ? 'nothing' : `${previous.file}, loaded ${previous.loadedAt}`],
    ...missing.map(({ state, file, reason }): [string, Cell] => {
      const why = reason === null ? `${file} is being loaded` : `${file} is not loaded: ${reason}`;
      return [state, { text: printable(why), colour: 'red' }];
    }),
  ]);
  const parts = [['live', live] as const, ['shadow', shadow] as const].flatMap(([state, version]) =>
    version === null ? [] : [versionText(cli, state, version)],
  );
  return [head, ...parts].join('\n\n');
}

function versionText(cli: Cli, state: string, version: LogicVersionView): string {
  const { file, loadedAt, exchangeMicroseconds, description, style, params, frames, decided, sent, copies, faults } =
    version;
  const fields = cli.fields([
    [state, file],
    ['loaded', loadedAt],
    ['taken up', `in ${(exchangeMicroseconds / 1000).toFixed(1)} ms, between two batches, by the slowest worker`],
    ['does', description],
    ['decides', style === 'batch' ? 'by batch' : 'frame by frame'],
    ['params', JSON.stringify(params)],
    ['frames', `${frames} asked for, ${decided} decided`],
    ['sent', `${sent} frames of its own, ${copies} copies`],
    ['faults', { text: String(faults), colour: faults > 0 ? 'red' : 'dim' }],
  ]);
  const drops = version.drops.map(({ reason, count, sentence }): Cell[] => [reason, count, sentence]);
  const counters = version.counters.map(({ name, count, sentence }): Cell[] => [name, count, sentence]);
  const tables = [
    ...(drops.length > 0 ? [cli.table(['DROP REASON', 'FRAMES', 'MEANING'], drops)] : []),
    ...(counters.length > 0 ? [cli.table(['COUNTER', 'VALUE', 'MEANING'], counters)] : []),
  ];
  const faultLines = version.lastFaults.map(({ time, kind, message, stack, port, frame }) =>
    [
      `${time}  ${kind}  ${message}${port === null ? '' : `  (port ${port})`}`,
      ...(frame === null ? [] : [`  frame ${shorten(frame)}`]),
      ...(stack?.split('\n').slice(1, 4) ?? []),
    ]
      .map(printable)
      .join('\n'),
  );
  return [fields, ...tables, ...faultLines].join('\n');
}

export function diffText({ name, compared, different, samples }: LogicDiffView): string {
  const share = compared === 0 ? '' : ` (${((100 * different) / compared).toFixed(2)} %)`;
  const head = `${name}: ${compared} frames compared, ${different} would have become something else${share}`;
  const lines = samples.flatMap(({ time, port, vlan, summary, frame, live, shadow, bytes }) => [
    `${time}  ${port}  VLAN ${vlan}  ${summary}`,
    `  live ${live}, shadow ${shadow}   ${shorten(frame)}`,
    ...(bytes === null
      ? []
      : [`  bytes from ${bytes.at}: live ${shorten(bytes.live)}, shadow ${shorten(bytes.shadow)}`]),
  ]);
  return [head, ...lines.map(printable)].join('\n');
}

function shorten(hex: string): string {
  return hex.length > SHORT_FRAME_DIGITS ? `${hex.slice(0, SHORT_FRAME_DIGITS)}…` : hex;
}
