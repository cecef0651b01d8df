/**
 * What `ethtool` shows and sets of a netdev, by SIOCETHTOOL: features, which have names, and numbers of queues.
 */
import {
  ETHTOOL_CHANNELS,
  ETHTOOL_FEATURES_GET,
  ETHTOOL_FEATURES_GET_BLOCK,
  ETHTOOL_FEATURES_SET,
  ETHTOOL_FEATURES_SET_BLOCK,
  ETHTOOL_GCHANNELS,
  ETHTOOL_GFEATURES,
  ETHTOOL_GSSET_INFO,
  ETHTOOL_GSTRINGS,
  ETHTOOL_SFEATURES,
  ETHTOOL_SSET_INFO,
  ETHTOOL_STRINGS,
  ETH_GSTRING_LEN,
  ETH_SS_FEATURES,
} from '../../../native-bindings/abi/ethtool.ts';
import { ENODEV, EOPNOTSUPP } from '../../../native-bindings/abi/errno.ts';
import { IFREQ, SIOCETHTOOL } from '../../../native-bindings/abi/ioctl.ts';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from '../../../native-bindings/abi/socket.ts';
import { SyscallError, check, ffi, sys } from '../../../native-bindings/syscalls.ts';
import { TswitchError } from '../errors.ts';
import { inNetns } from './netns.ts';
import type { Netns } from './netns.ts';

/** Features of one 32-bit block. */
const BLOCK_FEATURES = 32;

export interface Channels {
  receive: number;
  send: number;
}

/**
 * Switches features on or off, those that this kernel and netdev have and that are not so already.
 *
 * @param netns null for the daemon's own
 * @param features by the kernel's names (net/ethtool/common.c, netdev_features_strings)
 * @returns the names of those that were switched
 * @throws TswitchError NETDEV_NOT_FOUND; SyscallError where the kernel refuses
 */
export function switchFeatures(
  netns: Netns | null,
  ifname: string,
  features: ReadonlySet<string>,
  on: boolean,
): string[] {
  return ask(netns, ifname, (fd) => {
    const names = featureNames(fd, ifname);
    const blocks = featureBlocks(fd, ifname, names.length);
    const switched = names.filter((name, bit) => {
      const { available, active } = blocks[Math.floor(bit / BLOCK_FEATURES)]!;
      const mask = 1 << (bit % BLOCK_FEATURES);
      return features.has(name) && (available & mask) !== 0 && ((active & mask) !== 0) !== on;
    });
    if (switched.length > 0) setFeatures(fd, ifname, names, new Set(switched), on);
    return switched;
  });
}

/** Null where the driver does not say. @throws TswitchError NETDEV_NOT_FOUND */
export function readChannels(netns: Netns | null, ifname: string): Channels | null {
  return ask(netns, ifname, (fd) => {
    const channels = structure(ETHTOOL_CHANNELS.size, ETHTOOL_GCHANNELS);
    try {
      ethtool(fd, ifname, 'ETHTOOL_GCHANNELS', channels);
    } catch (error) {
      if (error instanceof SyscallError && error.errno === EOPNOTSUPP) return null;
      throw error;
    }
    const count = (at: number): number => channels.view.getUint32(at, true);
    const combined = count(ETHTOOL_CHANNELS.combinedCount);
    return {
      receive: combined + count(ETHTOOL_CHANNELS.rxCount),
      send: combined + count(ETHTOOL_CHANNELS.txCount),
    };
  });
}

function ask<T>(netns: Netns | null, ifname: string, question: (fd: number) => T): T {
  return inNetns(netns, () => {
    const fd = check('socket AF_INET', sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    try {
      return question(fd);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== ENODEV) throw error;
      throw new TswitchError(
        'NETDEV_NOT_FOUND',
        `there is no netdev ${ifname}${netns ? ` in namespace ${netns.spec}` : ''}`,
      );
    } finally {
      sys.close(fd);
    }
  });
}

/** By their bit. */
function featureNames(fd: number, ifname: string): string[] {
  const info = structure(ETHTOOL_SSET_INFO.size + 4, ETHTOOL_GSSET_INFO);
  info.view.setBigUint64(ETHTOOL_SSET_INFO.ssetMask, 1n << BigInt(ETH_SS_FEATURES), true);
  ethtool(fd, ifname, 'ETHTOOL_GSSET_INFO', info);
  const count = info.view.getUint32(ETHTOOL_SSET_INFO.data, true);

  const strings = structure(ETHTOOL_STRINGS.size + count * ETH_GSTRING_LEN, ETHTOOL_GSTRINGS);
  strings.view.setUint32(ETHTOOL_STRINGS.stringSet, ETH_SS_FEATURES, true);
  strings.view.setUint32(ETHTOOL_STRINGS.len, count, true);
  ethtool(fd, ifname, 'ETHTOOL_GSTRINGS', strings);
  return Array.from({ length: count }, (_, bit) => {
    const at = ETHTOOL_STRINGS.data + bit * ETH_GSTRING_LEN;
    const name = Buffer.from(strings.bytes.subarray(at, at + ETH_GSTRING_LEN)).toString('latin1');
    return name.replace(/\0.*$/s, '');
  });
}

/** Words of bits: the features of this netdev that can be switched, and those that are on. */
function featureBlocks(fd: number, ifname: string, features: number): { available: number; active: number }[] {
  const blocks = Math.ceil(features / BLOCK_FEATURES);
  const get = structure(ETHTOOL_FEATURES_GET.size + blocks * ETHTOOL_FEATURES_GET_BLOCK.size, ETHTOOL_GFEATURES);
  get.view.setUint32(ETHTOOL_FEATURES_GET.count, blocks, true);
  ethtool(fd, ifname, 'ETHTOOL_GFEATURES', get);
  return Array.from({ length: blocks }, (_, block) => {
    const at = ETHTOOL_FEATURES_GET.features + block * ETHTOOL_FEATURES_GET_BLOCK.size;
    return {
      available: get.view.getUint32(at + ETHTOOL_FEATURES_GET_BLOCK.available, true),
      active: get.view.getUint32(at + ETHTOOL_FEATURES_GET_BLOCK.active, true),
    };
  });
}

function setFeatures(fd: number, ifname: string, names: readonly string[], wanted: ReadonlySet<string>, on: boolean) {
  const blocks = Math.ceil(names.length / BLOCK_FEATURES);
  const set = structure(ETHTOOL_FEATURES_SET.size + blocks * ETHTOOL_FEATURES_SET_BLOCK.size, ETHTOOL_SFEATURES);
  set.view.setUint32(ETHTOOL_FEATURES_SET.count, blocks, true);
  for (let block = 0; block < blocks; block++) {
    let valid = 0;
    for (let bit = 0; bit < BLOCK_FEATURES; bit++) {
      if (wanted.has(names[block * BLOCK_FEATURES + bit] ?? '')) valid |= 1 << bit;
    }
    const at = ETHTOOL_FEATURES_SET.features + block * ETHTOOL_FEATURES_SET_BLOCK.size;
    set.view.setUint32(at + ETHTOOL_FEATURES_SET_BLOCK.valid, valid >>> 0, true);
    set.view.setUint32(at + ETHTOOL_FEATURES_SET_BLOCK.requested, on ? valid >>> 0 : 0, true);
  }
  ethtool(fd, ifname, 'ETHTOOL_SFEATURES', set);
}

/** The argument of a command, with room for the ifreq before it: one buffer, so that passing the ifreq keeps both alive. */
interface Argument {
  bytes: Uint8Array;
  view: DataView;
}

function structure(size: number, command: number): Argument {
  const buffer = new ArrayBuffer(IFREQ.size + size);
  const view = new DataView(buffer, IFREQ.size);
  view.setUint32(0, command, true);
  return { bytes: new Uint8Array(buffer, IFREQ.size), view };
}

/** SIOCETHTOOL with a structure that is read and written in place. */
function ethtool(fd: number, ifname: string, command: string, argument: Argument): void {
  const request = new Uint8Array(argument.view.buffer, 0, IFREQ.size);
  new TextEncoder().encodeInto(ifname, request.subarray(IFREQ.name, IFREQ.flags - 1));
  const address = ffi.addressOf(argument.bytes);
  new DataView(argument.view.buffer).setBigUint64(IFREQ.data, BigInt(address), true);
  check(`ioctl SIOCETHTOOL ${command}`, sys.ioctl(fd, SIOCETHTOOL, request));
}
