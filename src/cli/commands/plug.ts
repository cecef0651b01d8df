/** plug and unplug: a namespace into the switch in one step, and out again. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { PortMode, PortView } from '../../control/model.ts';
import { isNetnsName } from '../../control/netns-name.ts';
import { PORT_NAME } from '../../limits.ts';
import { Cli, examples } from '../cli.ts';
import { CliError, RefusedError, UsageError } from '../errors.ts';
import { withMirror } from '../mirror-options.ts';
import { addTagOptions, addTrafficOptions } from '../port-options.ts';
import { describePort } from '../port-view.ts';
import { parseList, parseVid, parseVidList } from '../values.ts';
import { portPath } from './port.ts';

/** The kinds whose interface tswitch makes. */
const PLUG_KINDS = ['veth', 'tap', 'xdp'] as const;

interface PlugOptions {
  kind: (typeof PLUG_KINDS)[number];
  create?: boolean;
  name?: string;
  ifname?: string;
  ip?: string[];
  gateway?: string;
  mac?: string;
  mode?: PortMode;
  vlan?: number;
  /** True: given without a list. */
  trunk?: number[] | true;
  native?: number;
  /** The other settings of a port, named as in the request. */
  [setting: string]: unknown;
}

export function addPlugCommands(program: Command): void {
  addPlug(program);
  const unplug = program
    .command('unplug <netns>')
    .description('remove the port of a namespace, with the interface that tswitch made in it')
    .option('--ifname <ifname>', 'which one, if the namespace has several');
  unplug.action(async (netns: string, options: { ifname?: string }) => {
    const cli = new Cli(unplug);
    const port = await findPort(cli, netns, options.ifname);
    cli.show(await cli.client.send('DELETE', portPath(port.name)), () => `${port.name}: unplugged from ${netns}`);
  });
  examples(unplug, ['unplug red', 'unplug red --ifname eth1']);
}

function addPlug(program: Command): void {
  const plug = program
    .command('plug <netns>')
    .description('plug a network namespace into the switch: a name under /run/netns, a path, a pid, or host')
    .option('--create', 'make the namespace if it does not exist')
    .option('--name <name>', 'name of the port (default: the name of the namespace)')
    .option('--ifname <ifname>', 'name of the interface inside the namespace (default: eth0)')
    .option('--ip <cidr>', 'address with prefix length; may be repeated', parseList)
    .option('--gateway <ip>', 'default route')
    .option('--mac <mac>', 'MAC address (default: random)')
    .addOption(
      new Option('--vlan <vid>', 'access or service VLAN (default: 1)')
        .argParser(parseVid)
        .conflicts(['trunk', 'native']),
    )
    .addOption(
      new Option('--trunk [list]', 'carry these VLANs tagged, like 10,20-30; all if no list follows').argParser(
        parseVidList,
      ),
    )
    .option('--native <vid>', 'untagged frames of a trunk belong to this VLAN', parseVid)
    .addOption(new Option('--kind <kind>', 'what the interface is').choices(PLUG_KINDS).default('veth'));
  plug.optionsGroup('Settings of the port, which `port set` changes later:');
  addTrafficOptions(addTagOptions(plug));
  plug.action(async (netns: string, options: PlugOptions) => {
    const cli = new Cli(plug);
    const request = plugRequest(netns, options);
    try {
      cli.show(await cli.client.send<PortView>('POST', '/v1/ports', request), describePort);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      throw new RefusedError(error.code, await explain(cli, error, request.name, options), error.body);
    }
  });
  examples(plug, [
    'plug red --ip 10.0.0.1/24 --vlan 10',
    'plug router --create --trunk 10,20-30 --native 1',
    'plug guest --egress-rate 50mbit --ingress-rate 10mbit',
    'plug customer --mode dot1q-tunnel --vlan 100 --cvlans 10,20',
    'plug /proc/4711/ns/net --name web --ip 10.0.0.2/24 --gateway 10.0.0.254',
  ]);
}

/** The body of POST /v1/ports that the flags mean. */
export function plugRequest(netns: string, options: PlugOptions): { name: string; netns: string } {
  const { create, name, ip, trunk, native, vlan, mode, ...settings } = options;
  const rest = withMirror(settings);
  if (native !== undefined && trunk === undefined) throw new UsageError('--native needs --trunk');
  return {
    name: name ?? defaultName(netns),
    netns,
    ...rest,
    ...(create ? { createNetns: true } : {}),
    ...(ip ? { addresses: ip } : {}),
    ...vlanFields(vlan, trunk, native),
    ...(mode ? { mode } : {}),
  };
}

/** The daemon's reason in the words of this command. */
async function explain(cli: Cli, error: RefusedError, name: string, options: PlugOptions): Promise<string> {
  if (error.code === 'BAD_REQUEST') return error.message.replace(/(^|; )addresses(\.[0-9]+)?: /g, '$1--ip: ');
  if (error.code !== 'PORT_EXISTS') return error.message;
  const { body } = await cli.client.get<{ ports: PortView[] }>('/v1/ports');
  const port = body.ports.find((candidate) => candidate.name === name);
  if (port?.state === 'lost') {
    const remedy = port.netns === null ? `port rm ${name}` : `unplug ${port.netns}`;
    return `there is a port ${name} already, but its namespace or interface is gone; \`tswitch ${remedy}\` first`;
  }
  if (options.name !== undefined) return error.message;
  return `there is a port ${name} already; for a second interface in ${name} give --name and --ifname`;
}

function vlanFields(
  vlan: number | undefined,
  trunk: number[] | true | undefined,
  native: number | undefined,
): { mode?: PortMode; vlan?: number; trunks?: number[] } {
  if (trunk === undefined) return vlan === undefined ? {} : { vlan };
  const trunks = trunk === true ? [] : trunk;
  return native === undefined ? { mode: 'trunk', trunks } : { mode: 'native-untagged', vlan: native, trunks };
}

function defaultName(netns: string): string {
  if (!isNetnsName(netns)) throw new UsageError(`give the port a name with --name: ${netns} is a path, a pid or host`);
  if (!PORT_NAME.test(netns)) throw new UsageError(`give the port a name with --name: "${netns}" cannot be one`);
  return netns;
}

async function findPort(cli: Cli, netns: string, ifname: string | undefined): Promise<PortView> {
  const { body } = await cli.client.get<{ ports: PortView[] }>('/v1/ports');
  const plugged = body.ports.filter((port) => port.netns !== null && bareName(port.netns) === bareName(netns));
  const found = ifname === undefined ? plugged : plugged.filter((port) => port.ifname === ifname);
  const [port] = found;
  if (!port) {
    const what = ifname === undefined ? 'no interface' : `no interface ${ifname}`;
    throw new CliError(`${netns} has ${what} in this switch; \`tswitch port ls\` shows all ports`);
  }
  if (found.length > 1) {
    const names = found.map((candidate) => candidate.ifname).join(', ');
    throw new CliError(`${netns} has several interfaces in this switch; say which with --ifname: ${names}`);
  }
  return port;
}

/** A name given as the path that `ip netns` keeps it at is the same namespace. */
function bareName(netns: string): string {
  return /^(?:\/var)?\/run\/netns\/([^/]+)$/.exec(netns)?.[1] ?? netns;
}
