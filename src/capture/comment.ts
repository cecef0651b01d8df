/** What a packet's comment says: where the frame was seen, what became of it, and what of it is unfinished. */
import {
  CSUM_OFFSET,
  CSUM_START,
  FLAGS,
  GSO_ECN,
  GSO_NONE,
  GSO_SIZE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_TYPE,
  GSO_UDP,
  GSO_UDP_L4,
  HDR_LEN,
  NEEDS_CSUM,
  read16,
} from '../frame/vnet-header.ts';
import { DROP_NAMES, DROP_SENTENCES } from '../switching/drop-reasons.ts';

const GSO_NAMES: Readonly<Record<number, string>> = {
  [GSO_TCPV4]: 'TCPV4',
  [GSO_TCPV6]: 'TCPV6',
  [GSO_UDP]: 'UDP',
  [GSO_UDP_L4]: 'UDP_L4',
};

export interface Seen {
  port: string;
  isInbound: boolean;
  /** 0: none. */
  vlan: number;
  /** Number of a drop reason; -1: not dropped. */
  reason: number;
}

export function placeComment({ port, isInbound, vlan, reason }: Seen): string {
  const words = [`port ${port}`];
  const name = DROP_NAMES[reason];
  if (name === undefined) words.push(isInbound ? 'received' : 'sent');
  else words.push(`${isInbound ? 'received and dropped' : 'not sent'}: ${name} (${DROP_SENTENCES[name]})`);
  if (vlan !== 0) words.push(`VLAN ${vlan}`);
  return words.join(', ');
}

/**
 * What the virtio-net header leaves to be done.
 * @param shift bytes of a tag that was put back into the frame: the header's offsets do not count it
 * @param length of the frame with that tag
 */
export function offloadComment(header: Uint8Array, shift: number, length: number): string {
  const gsoType = header[GSO_TYPE]!;
  const needsChecksum = (header[FLAGS]! & NEEDS_CSUM) !== 0;
  const fields: string[] = [];
  const words: string[] = [];
  if (gsoType !== GSO_NONE) {
    const gsoSize = read16(header, GSO_SIZE);
    const headerBytes = read16(header, HDR_LEN) + shift;
    const segments = gsoSize === 0 ? 0 : Math.ceil((length - headerBytes) / gsoSize);
    words.push(`super-frame, ${segments} segments of ${gsoSize} bytes of payload when it is on a wire`);
    const name = GSO_NAMES[gsoType & ~GSO_ECN] ?? String(gsoType & ~GSO_ECN);
    fields.push(`gso_type ${name}${gsoType & GSO_ECN ? '|ECN' : ''}`, `gso_size ${gsoSize}`, `hdr_len ${headerBytes}`);
  }
  if (needsChecksum) {
    words.push('its checksum is left to who puts it on a wire (offload), so it reads as wrong here and is not');
    fields.push(`csum_start ${read16(header, CSUM_START) + shift}`, `csum_offset ${read16(header, CSUM_OFFSET)}`);
  }
  return `${words.join('; ')} [virtio-net header: ${fields.join(', ')}]`;
}
