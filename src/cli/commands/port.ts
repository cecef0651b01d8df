/** port add, set, rm, ls, show: ports field by field. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { PortMode, PortView } from '../../control/model.ts';
import { Cli, examples } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { addPlaceOptions, addSettingsOptions, addSynonyms, impliedMode, KINDS } from '../port-options.ts';
import { changesMirror, withMirror } from '../mirror-options.ts';
import { describePort, placeOf, portFields, stateCell, vlansOf } from '../port-view.ts';
import { showOrWatch, type Watch, watchOption } from '../watch.ts';

/** The fields among those that the flags give that decide the mode. */
interface Settings {
  mode?: PortMode;
  vlan?: number;
  trunks?: number[];
}

export function addPortCommands(program: Command): void {
  const port = program.command('port').description('add, change, remove and show ports');
  addPort(port);
  setPort(port);
  const rm = port.command('rm <port>').description('remove a port and the interfaces that tswitch made for it');
  rm.action(async (name: string) => {
    const cli = new Cli(rm);
    cli.show(await cli.client.send('DELETE', portPath(name)), () => `${name}: removed`);
  });
  examples(rm, ['port rm red']);
  const ls = port.command('ls').description('list all ports').addOption(watchOption());
  ls.action(async ({ watch: every }: { watch?: Watch }) => {
    const cli = new Cli(ls);
    await showOrWatch(cli, every, async () => {
      const { body, text } = await cli.client.get<{ ports: PortView[] }>('/v1/ports');
      const { ports } = body;
      return { text: ports.length > 0 ? portTable(cli, ports) : 'no ports; `tswitch plug` makes one', json: text };
    });
  });
  examples(ls, ['port ls', 'port ls --json', 'port ls --watch']);
  const show = port.command('show <port>').description('show everything about one port');
  show.action(async (name: string) => {
    const cli = new Cli(show);
    cli.show(await cli.client.get<PortView>(portPath(name)), (view) => cli.fields(portFields(view)));
  });
  examples(show, ['port show red']);
}

function addPort(port: Command): void {
  const add = port.command('add <name>').description('add a port');
  add.addOption(new Option('--kind <kind>', 'what kind of port').choices(KINDS).makeOptionMandatory());
  addSynonyms(addSettingsOptions(addPlaceOptions(add)));
  add.action(async (name: string, fields: Settings) => {
    const cli = new Cli(add);
    const request = { name, mode: impliedMode(fields), ...withMirror(fields) };
    cli.show(await cli.client.send<PortView>('POST', '/v1/ports', request), describePort);
  });
  examples(add, [
    'port add uplink --kind packet --netdev enp3s0 --mode trunk',
    'port add red --kind veth --netns red --addresses 10.0.0.1/24 --vlan 10',
    'port add vm --kind tap --netns vm --mode native-untagged --vlan 1 --trunks 10,20-30',
  ]);
}

function setPort(port: Command): void {
  const set = addSettingsOptions(port.command('set <port>').description('change settings of a working port'));
  set.action(async (name: string, fields: Settings) => {
    const cli = new Cli(set);
    if (Object.keys(fields).length === 0) throw new UsageError('say what to set; see `tswitch port set --help`');
    const patch = { mode: await newMode(cli, name, fields), ...withMirror(fields, await mirrorOf(cli, name, fields)) };
    cli.show(await cli.client.send<PortView>('PATCH', portPath(name), patch), describePort);
  });
  examples(set, [
    'port set red --vlan 20',
    'port set red --trunks 10,20',
    'port set red --flood-unknown=false',
    'port set red --mode dot1q-tunnel --vlan 100 --priority-tags if-nonzero',
    'port set red --mirror-to monitor --mirror-direction rx',
    'port set red --mirror-file /var/log/tswitch/red.pcapng --mirror-vlans 10',
    'port set red --mirror none',
    'port set red --ingress-rate 20mbit --egress-rate 100mbit --egress-burst 256kb',
    'port set red --broadcast-limit 500 --multicast-limit none --fdb-limit 100',
  ]);
}

/** The mirror that the port has, where flags only change it. */
async function mirrorOf(cli: Cli, name: string, fields: Settings): Promise<PortView['mirror']> {
  return changesMirror(fields) ? (await cli.client.get<PortView>(portPath(name))).body.mirror : null;
}

/** Trunks end the mode access, which has none; what is a trunk already stays the kind of trunk that it is. */
async function newMode(cli: Cli, name: string, fields: Settings): Promise<PortMode | undefined> {
  if (fields.mode !== undefined || fields.trunks === undefined) return undefined;
  const { body } = await cli.client.get<PortView>(portPath(name));
  return body.mode === 'access' ? impliedMode(fields) : undefined;
}

export function portPath(name: string): string {
  return `/v1/ports/${encodeURIComponent(name)}`;
}

function portTable(cli: Cli, ports: readonly PortView[]): string {
  return cli.table(
    ['NAME', 'STATE', 'KIND', 'INTERFACE', 'MODE', 'VLANS', 'MAC', 'ADDRESSES'],
    ports.map((port) => [
      port.name,
      stateCell(port),
      port.kind,
      placeOf(port),
      port.mode,
      vlansOf(port),
      port.mac ?? '-',
      port.addresses.join(', ') || '-',
    ]),
  );
}
