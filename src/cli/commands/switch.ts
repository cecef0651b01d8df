/** vlan ls, switch show and switch set. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { SwitchView, VlanView } from '../../control/model.ts';
import {
  AGEING_SECONDS_MAX,
  AGEING_SECONDS_MIN,
  BUSY_POLL_MICROS_MAX,
  FDB_LIMIT_MAX,
  LOOP_HOLD_SECONDS_MAX,
  MAC_MOVE_HOLD_SECONDS_MAX,
  MAC_MOVE_LIMIT_MAX,
} from '../../limits.ts';
import { Cli, examples } from '../cli.ts';
import { UsageError } from '../errors.ts';
import type { Cell } from '../output.ts';
import { limitUpTo, parseFlag, parseList, wholeNumber } from '../values.ts';

interface SetOptions {
  forwardReserved?: string[];
  dropReserved?: string[];
  /** The other settings, named as in the request. */
  [setting: string]: unknown;
}

export function addVlanCommands(program: Command): void {
  const vlan = program.command('vlan').description('show VLANs');
  const ls = vlan.command('ls').description('list the VLANs that ports name, with their member ports');
  ls.action(async () => {
    const cli = new Cli(ls);
    cli.show(await cli.client.get<{ vlans: VlanView[] }>('/v1/vlans'), ({ vlans }) => vlanTable(cli, vlans));
  });
  examples(ls, ['vlan ls']);
}

export function addSwitchCommands(program: Command): void {
  const group = program.command('switch').description("show and change the switch's own settings");
  const show = group.command('show').description('show the settings');
  show.action(async () => {
    const cli = new Cli(show);
    cli.show(await cli.client.get<SwitchView>('/v1/switch'), (view) => cli.fields(switchFields(view)));
  });
  examples(show, ['switch show']);
  const set = group
    .command('set')
    .description('change settings')
    .option(
      '--ageing-seconds <n>',
      'forget addresses not seen for so long',
      wholeNumber(AGEING_SECONDS_MIN, AGEING_SECONDS_MAX),
    )
    .option('--fdb-limit <n>', 'entries that the MAC table holds at most', wholeNumber(1, FDB_LIMIT_MAX))
    .option(
      '--forward-reserved <mac,...>',
      'forward these of 01:80:c2:00:00:00 to 0f, or none; may be repeated',
      parseList,
    )
    .option('--drop-reserved <mac,...>', 'drop these of 01:80:c2:00:00:10 to 2f, or none; may be repeated', parseList)
    .option(
      '--mac-move-limit <n>',
      'moves of an address within a second after which it is held where it was, or none',
      limitUpTo(MAC_MOVE_LIMIT_MAX),
    )
    .option('--mac-move-hold-seconds <n>', 'how long it is held', wholeNumber(1, MAC_MOVE_HOLD_SECONDS_MAX))
    .addOption(
      new Option('--loop-protection [true|false]', 'probe for loops, and block ports in one').argParser(parseFlag),
    )
    .option('--loop-hold-seconds <n>', 'how long such a port is blocked', wholeNumber(1, LOOP_HOLD_SECONDS_MAX))
    .option(
      '--busy-poll-micros <n>',
      'look for frames this long before sleeping, at most: less latency for more CPU time',
      wholeNumber(0, BUSY_POLL_MICROS_MAX),
    );
  set.action(async (options: SetOptions) => {
    const cli = new Cli(set);
    const { forwardReserved: forward, dropReserved: drop, ...patch } = options;
    const body = forward || drop ? { ...patch, reservedAddresses: { forward, drop } } : patch;
    if (Object.keys(body).length === 0) throw new UsageError('say what to set; see `tswitch switch set --help`');
    cli.show(await cli.client.send<SwitchView>('PATCH', '/v1/switch', body), (view) => cli.fields(switchFields(view)));
  });
  examples(set, [
    'switch set --ageing-seconds 60',
    'switch set --forward-reserved 01:80:c2:00:00:0e',
    'switch set --mac-move-limit 100 --loop-protection=false',
    'switch set --busy-poll-micros 2000',
  ]);
}

function vlanTable(cli: Cli, vlans: readonly VlanView[]): string {
  if (vlans.length === 0) return 'no VLANs; ports name them';
  const names = (view: VlanView, tagged: boolean): string => {
    const ports = view.ports.filter((port) => port.tagged === tagged);
    return ports.map((port) => port.name).join(', ') || '-';
  };
  return cli.table(
    ['VLAN', 'UNTAGGED PORTS', 'TAGGED PORTS'],
    vlans.map((view) => [view.vlan, names(view, false), names(view, true)]),
  );
}

function switchFields(view: SwitchView): [string, Cell][] {
  return [
    ['ageing', `${view.ageingSeconds} s`],
    ['fdb limit', `${view.fdbLimit} entries`],
    ['forwarded reserved addresses', view.reservedAddresses.forward.join(', ') || 'none'],
    ['dropped reserved addresses', view.reservedAddresses.drop.join(', ') || 'none'],
    ['mac move limit', view.macMoveLimit === null ? 'none' : `${view.macMoveLimit} moves/s`],
    ['mac move hold', `${view.macMoveHoldSeconds} s`],
    ['loop protection', view.loopProtection ? 'yes' : 'no'],
    ['loop hold', `${view.loopHoldSeconds} s`],
    ['busy poll', `up to ${view.busyPollMicros} µs`],
    ['workers', String(view.workers)],
    ['ffi', view.ffi],
    ['tap i/o', view.tapIo],
    ['version', view.version],
    ['kept in', view.state.file ?? 'nothing: it ends with the daemon'],
    ['generation', String(view.state.generation)],
    ...view.state.problems.map((problem): [string, Cell] => ['problem', problem]),
  ];
}
