/**
 * The far end of a pair that tswitch makes keeps every offload that a virtio-net header (virtio 1.3, 5.1.6) can express: TCP
 * and UDP segmentation and partial checksums. The others it would still offer to its own stack, and their super-frames would
 * arrive at the switch as something they are not (a tunnelled one as plain TCP), so they are switched off here: its stack
 * then does that work itself before it sends.
 */
import { switchFeatures } from './ethtool.ts';
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

/**
 * What an AF_XDP socket at the other end cannot know of a frame, because it lies beside the bytes: that a checksum is to be
 * finished or the frame to be cut, and the VLAN tag.
 */
export const INVISIBLE_TO_XDP: readonly string[] = [
  'tx-checksum-ipv4',
  'tx-checksum-ipv6',
  'tx-checksum-ip-generic',
  'tx-vlan-hw-insert',
  'tx-vlan-stag-hw-insert',
  'tx-tcp-segmentation',
  'tx-tcp-ecn-segmentation',
  'tx-tcp-mangleid-segmentation',
  'tx-tcp6-segmentation',
  'tx-udp-segmentation',
];

/**
 * Switches them off, those that this kernel and netdev have.
 *
 * @param netns null for the daemon's own
 * @param also further features, by the kernel's names
 * @throws TswitchError NETDEV_NOT_FOUND; SyscallError where the kernel refuses
 */
export function disableInexpressibleOffloads(netns: Netns | null, ifname: string, also: readonly string[] = []): void {
  switchFeatures(netns, ifname, new Set([...INEXPRESSIBLE, ...also]), false);
}
