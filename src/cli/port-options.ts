/** The flags of a port: every field that HTTP takes, in kebab case. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { OFFLOAD_NAMES, PORT_MODES, PRIORITY_TAGS, TPIDS } from '../control/model.ts';
import type { PortMode } from '../control/model.ts';
import {
  BROADCAST_LIMIT_DEFAULT,
  FDB_LIMIT_MAX,
  MTU_MAX,
  MTU_MIN,
  MULTICAST_LIMIT_DEFAULT,
  STORM_LIMIT_MAX,
  UNKNOWN_LIMIT_DEFAULT,
} from '../limits.ts';
import { addMirrorOptions } from './mirror-options.ts';
import { addRateOptions } from './rate-options.ts';
import { limitUpTo, parseFlag, parseList, parseVid, parseVidList, wholeNumber } from './values.ts';

/** The kinds that can be asked for; `memory` ports are for tests. */
export const KINDS = ['veth', 'tap', 'packet', 'xdp'] as const;

export function addSettingsOptions(command: Command): Command {
  addTagOptions(command)
    .option('--vlan <vid>', 'the access, native or service VLAN', parseVid)
    .option('--trunks <list>', 'VLANs that a trunk carries, like 10,20-30, or all', parseVidList);
  return addTrafficOptions(command);
}

/** How tags are handled, without the VLANs themselves, for which `plug` has words of its own. */
export function addTagOptions(command: Command): Command {
  return command
    .addOption(new Option('--mode <mode>', 'how VLAN tags are handled').choices(PORT_MODES))
    .option('--cvlans <list>', 'customer VLANs that dot1q-tunnel lets pass, like 10,20-30, or all', parseVidList)
    .addOption(new Option('--tpid <tpid>', 'what dot1q-tunnel and transparent push towards trunks').choices(TPIDS))
    .addOption(
      new Option('--priority-tags <when>', 'when untagged frames leave with a priority tag').choices(PRIORITY_TAGS),
    );
}

/** The settings that have nothing to do with VLANs. */
export function addTrafficOptions(command: Command): Command {
  const flag = (name: string, text: string): Option => new Option(`--${name} [true|false]`, text).argParser(parseFlag);
  const storm = (name: string, what: string, byDefault: number): Option =>
    new Option(
      `--${name}-limit <n>`,
      `${what} per second that may enter to be flooded, or none (of a new port: ${byDefault})`,
    ).argParser(limitUpTo(STORM_LIMIT_MAX));
  return addMirrorOptions(addRateOptions(command))
    .addOption(new Option('--mtu <bytes>', 'largest payload in bytes').argParser(wholeNumber(MTU_MIN, MTU_MAX)))
    .addOption(flag('learning', 'learn the source addresses of arriving frames'))
    .addOption(flag('flood-unknown', 'flood frames to unknown addresses out of this port'))
    .addOption(flag('flood-multicast', 'flood multicast out of this port'))
    .addOption(flag('flood-broadcast', 'flood broadcast out of this port'))
    .addOption(flag('isolated', 'reach only ports that are not isolated'))
    .option('--fdb-limit <n>', 'addresses learned on this port at most, or none', limitUpTo(FDB_LIMIT_MAX))
    .addOption(storm('broadcast', 'broadcast frames', BROADCAST_LIMIT_DEFAULT))
    .addOption(storm('multicast', 'multicast frames', MULTICAST_LIMIT_DEFAULT))
    .addOption(storm('unknown', 'frames to unknown addresses', UNKNOWN_LIMIT_DEFAULT))
    .addOption(new Option('--admin <state>', 'whether the port is meant to work').choices(['up', 'down']))
    .option(
      '--offloads <list>',
      `what its other side takes unfinished: ${OFFLOAD_NAMES.join(',')}, or none`,
      parseList,
    );
}

export function addPlaceOptions(command: Command): Command {
  return command
    .option('--netdev <if>', 'the netdev to attach to (kinds packet and xdp)')
    .option('--netns <netns>', 'namespace of the far end: a name, a path, a pid, or host (kinds veth, tap and xdp)')
    .option('--ifname <ifname>', 'name of the far end inside the namespace (default: eth0)')
    .option('--addresses <cidr,...>', 'addresses of the far end with prefix length; may be repeated', parseList)
    .option('--mac <mac>', 'MAC address of the far end (default: random)')
    .option('--gateway <ip>', 'default route of the far end')
    .addOption(
      new Option('--create-netns [true|false]', 'make the namespace if it does not exist').argParser(parseFlag),
    );
}

/** What `plug` calls some of these fields; taken wherever a port is added, so that a habit is no error. */
export function addSynonyms(command: Command): Command {
  return command
    .addOption(new Synonym('--ip <cidr>', 'addresses').argParser(parseList))
    .addOption(new Synonym('--create', 'createNetns'))
    .addOption(new Synonym('--trunk [list]', 'trunks').preset('all').argParser(parseVidList));
}

/** Another flag for the same field; the help is silent about it. */
class Synonym extends Option {
  readonly #field: string;

  constructor(flags: string, field: string) {
    super(flags);
    this.#field = field;
    this.hideHelp();
  }

  override attributeName(): string {
    return this.#field;
  }
}

/** The mode that VLANs without one mean: a list of trunks makes a trunk, and a VLAN beside it the native one. */
export function impliedMode(fields: { vlan?: number; trunks?: number[] }): PortMode | undefined {
  if (fields.trunks === undefined) return undefined;
  return fields.vlan === undefined ? 'trunk' : 'native-untagged';
}
