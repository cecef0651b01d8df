/**
 * The far end of a pair that tswitch makes keeps every offload that a virtio-net header (virtio 1.3, 5.1.6) can express: TCP
 * and UDP segmentation and partial checksums. The others it would still offer to its own stack, and their super-frames would
 * arrive at the switch as something they are not (a tunnelled one as plain TCP), so they are switched off here: its stack
 * then does that work itself before it sends.
 */
import {
  ETHTOOL_FEATURES_GET,
  ETHTOOL_FEATURES_GET_BLOCK,
  ETHTOOL_FEATURES_SET,
  ETHTOOL_FEATURES_SET_BLOCK,
  ETHTOOL_GFEATURES,
  ETHTOOL_GSSET_INFO,
  ETHTOOL_GSTRINGS,
  ETHTOOL_SFEATURES,
  ETHTOOL_SSET_INFO,
  ETHTOOL_STRINGS,
  ETH_GSTRING_LEN,
  ETH_SS_FEATURES,
} from '../../../native-bindings/abi/ethtool.ts';
import { ENODEV } from '../../../native-bindings/abi/errno.ts';
import { IFREQ, SIOCETHTOOL } from '../../../native-bindings/abi/ioctl.ts';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from '../../../native-bindings/abi/socket.ts';
import { SyscallError, check, ffi, sys } from '../../../native-bindings/syscalls.ts';
import { TswitchError } from '../errors.ts';
import { inNetns } from './netns.ts';
import type { Netns } from './netns.ts';

/** The kernel's names (net/ethtool/common.c, netdev_features_strings) of what a virtio-net header has no word for. */
const INEXPRESSIBLE: ReadonlySet<string> = new Set([
  'tx-gre-segmentation',
  'tx-gre-csum-segmentation',
  'tx-ipxip4-segmentation',
  'tx-ipxip6-segmentation',
  'tx-udp_tnl-segmentation',
  'tx-udp_tnl-csum-segmentation',
  'tx-tunnel-remcsum-segmentation',
  'tx-gso-partial',
  'tx-gso-list',
  'tx-sctp-segmentation',
  'tx-esp-segmentation',
  'tx-fcoe-segmentation',
  'tx-checksum-sctp',
  'tx-checksum-fcoe-crc',
]);

/** Features of one 32-bit block. */
const BLOCK_FEATURES = 32;

/**
 * Switches them off, those that this kernel and netdev have.
 *
 * @param netns null for the daemon's own
 * @param also further features, by the kernel's names
 * @throws TswitchError NETDEV_NOT_FOUND; SyscallError where the kernel refuses
 */
export function disableInexpressibleOffloads(netns: Netns | null, ifname: string, also: readonly string[] = []): void {
  inNetns(netns, () => {
    const fd = check('socket AF_INET', sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    try {
      const names = featureNames(fd, ifname);
      const request = switchOffRequest(
        names,
        changeableFeatures(fd, ifname, names.length),
        new Set([...INEXPRESSIBLE, ...also]),
      );
      if (request) ethtool(fd, ifname, 'ETHTOOL_SFEATURES', request);
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

/** One word per block: the features of this netdev that can be switched. */
function changeableFeatures(fd: number, ifname: string, features: number): number[] {
  const blocks = Math.ceil(features / BLOCK_FEATURES);
  const get = structure(ETHTOOL_FEATURES_GET.size + blocks * ETHTOOL_FEATURES_GET_BLOCK.size, ETHTOOL_GFEATURES);
  get.view.setUint32(ETHTOOL_FEATURES_GET.count, blocks, true);
  ethtool(fd, ifname, 'ETHTOOL_GFEATURES', get);
  return Array.from({ length: blocks }, (_, block) => {
    const at = ETHTOOL_FEATURES_GET.features + block * ETHTOOL_FEATURES_GET_BLOCK.size;
    return get.view.getUint32(at + ETHTOOL_FEATURES_GET_BLOCK.available, true);
  });
}

/** Null where there is nothing to switch off. */
function switchOffRequest(
  names: readonly string[],
  changeable: readonly number[],
  unwanted: ReadonlySet<string>,
): Argument | null {
  const set = structure(
    ETHTOOL_FEATURES_SET.size + changeable.length * ETHTOOL_FEATURES_SET_BLOCK.size,
    ETHTOOL_SFEATURES,
  );
  set.view.setUint32(ETHTOOL_FEATURES_SET.count, changeable.length, true);
  let isEmpty = true;
  changeable.forEach((available, block) => {
    let valid = 0;
    for (let bit = 0; bit < BLOCK_FEATURES; bit++) {
      if (unwanted.has(names[block * BLOCK_FEATURES + bit] ?? '')) valid |= 1 << bit;
    }
    valid &= available;
    if (valid !== 0) isEmpty = false;
    const at = ETHTOOL_FEATURES_SET.features + block * ETHTOOL_FEATURES_SET_BLOCK.size;
    set.view.setUint32(at + ETHTOOL_FEATURES_SET_BLOCK.valid, valid >>> 0, true);
  });
  return isEmpty ? null : set;
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
