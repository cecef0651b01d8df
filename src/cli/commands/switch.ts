/** vlan ls, switch show and switch set. */
import type { Command } from 'commander';
import type { SwitchView, VlanView } from '../../control/model.ts';
import { AGEING_SECONDS_MAX, AGEING_SECONDS_MIN, FDB_LIMIT_MAX } from '../../limits.ts';
import { Cli, examples } from '../cli.ts';
import { UsageError } from '../errors.ts';
import type { Cell } from '../output.ts';
import { parseList, wholeNumber } from '../values.ts';

interface SetOptions {
  ageingSeconds?: number;
  fdbLimit?: number;
  forwardReserved?: string[];
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
    );
  set.action(async (options: SetOptions) => {
    const cli = new Cli(set);
    const { forwardReserved, ...patch } = options;
    const body = forwardReserved ? { ...patch, reservedAddresses: { forward: forwardReserved } } : patch;
    if (Object.keys(body).length === 0) throw new UsageError('say what to set; see `tswitch switch set --help`');
    cli.show(await cli.client.send<SwitchView>('PATCH', '/v1/switch', body), (view) => cli.fields(switchFields(view)));
  });
  examples(set, ['switch set --ageing-seconds 60', 'switch set --forward-reserved 01:80:c2:00:00:0e']);
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
    ['workers', String(view.workers)],
    ['ffi', view.ffi],
    ['version', view.version],
  ];
}
