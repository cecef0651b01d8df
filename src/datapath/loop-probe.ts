/**
 * The loop probe: a frame that the switch sends out of a port it suspects, and only then. If it comes back in by any port,
 * the two are connected outside the switch. Its destination is a group address, which every bridge on the way floods, and
 * its EtherType the one for local experiments (IEEE 802-2014, 9.2.4). The port it left by is in it with that port's token, which
 * tells it from probes of other switches, and from one that a host made of what it saw to have another's port blocked.
 */
import { ETHERTYPE, PAYLOAD } from '../frame/ethernet.ts';
import { NO_TAG, TAG_BYTES, writeTag } from '../frame/vlan.ts';
import { clearVnetHeader, VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { PORTS_MAX } from '../limits.ts';
import { PROBE_TOKEN_BYTES } from '../shared/board.ts';

/** Locally administered group address: 03, then "probe". */
const DESTINATION_BYTES = [0x03, 0x70, 0x72, 0x6f, 0x62, 0x65];
/** Locally administered address: 02, then "probe". */
const SOURCE_BYTES = [0x02, 0x70, 0x72, 0x6f, 0x62, 0x65];
export const PROBE_FIRST_BYTE = DESTINATION_BYTES[0]!;
const ETHERTYPE_EXPERIMENTAL = 0x88b5;
const HANDLE = PAYLOAD + PROBE_TOKEN_BYTES;
/** Shortest frame of the medium, without its check sequence (IEEE 802.3-2022, 4.2.3.3). */
const PROBE_BYTES = 60;

/**
 * Writes a probe with its virtio-net header.
 * @param tag as the port sends its VLAN, or NO_TAG
 * @param tokens PROBE_TOKEN_BYTES of each port
 * @returns bytes written, the header included
 */
export function writeProbe(bytes: Uint8Array, at: number, tag: number, tokens: Uint8Array, handle: number): number {
  clearVnetHeader(bytes, at);
  const frame = at + VNET_HEADER_BYTES;
  bytes.fill(0, frame, frame + PROBE_BYTES + TAG_BYTES);
  bytes.set(DESTINATION_BYTES, frame);
  bytes.set(SOURCE_BYTES, frame + DESTINATION_BYTES.length);
  const tagged = tag === NO_TAG ? 0 : TAG_BYTES;
  if (tagged > 0) writeTag(bytes, frame + ETHERTYPE, tag);
  const behind = frame + tagged;
  bytes[behind + ETHERTYPE] = ETHERTYPE_EXPERIMENTAL >>> 8;
  bytes[behind + ETHERTYPE + 1] = ETHERTYPE_EXPERIMENTAL & 0xff;
  for (let k = 0; k < PROBE_TOKEN_BYTES; k++) bytes[behind + PAYLOAD + k] = tokens[handle * PROBE_TOKEN_BYTES + k]!;
  bytes[behind + HANDLE] = handle >>> 8;
  bytes[behind + HANDLE + 1] = handle;
  return VNET_HEADER_BYTES + PROBE_BYTES + tagged;
}

/** Handle of the port that an own probe was sent out of, or -1: it is none. The frame's outer tag lies beside the bytes. */
export function readProbe(bytes: Uint8Array, frame: number, length: number, tokens: Uint8Array): number {
  if (length < HANDLE + 2) return -1;
  for (let k = 0; k < DESTINATION_BYTES.length; k++) if (bytes[frame + k] !== DESTINATION_BYTES[k]) return -1;
  const handle = (bytes[frame + HANDLE]! << 8) | bytes[frame + HANDLE + 1]!;
  if (handle >= PORTS_MAX) return -1;
  for (let k = 0; k < PROBE_TOKEN_BYTES; k++) {
    if (bytes[frame + PAYLOAD + k] !== tokens[handle * PROBE_TOKEN_BYTES + k]) return -1;
  }
  return handle;
}
