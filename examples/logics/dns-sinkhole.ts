/**
 * A DNS sinkhole: queries for names on a list, and for names below them, are answered with "no such name" instead of being
 * forwarded. Looks at plain DNS over UDP and IPv4.
 */
import { DEFER, defineLogic, ethernet } from 'tswitch/logic';

const DNS_PORT = 53;
const UDP_HEADER_BYTES = 8;
/** The DNS header (RFC 1035, 4.1.1): offsets, and bits of its flags. */
const FLAGS = 2;
const QUESTIONS = 4;
const ANSWERS = 6;
const HEADER_BYTES = 12;
const QR_OPCODE = 0xf8;
const RD = 0x01;
const RESPONSE = 0x80;
const RECURSION_AVAILABLE_NXDOMAIN = 0x83;
const NAME_BYTES_MAX = 255;
const REPLY_BYTES_MAX = 512;

export default defineLogic({
  name: 'dns-sinkhole',
  description: 'answers DNS queries for listed names with "no such name"',
  params: (z) =>
    z.object({
      block: z
        .array(z.string().min(1).max(253))
        .max(100_000)
        .default([])
        .describe('names that do not exist; all below them neither'),
    }),
  drops: { SINKHOLED: 'a DNS query for a listed name, which was answered here' },
  counters: { queries: 'DNS queries seen', sinkholed: 'queries answered' },
  create: ({ params, sender, drop, counters }) => {
    const blocked = new Set(params.block.map((name) => name.toLowerCase().replace(/\.$/, '')));
    const reply = new Uint8Array(REPLY_BYTES_MAX);
    return {
      frame: (frame) => {
        if (frame.destinationPort !== DNS_PORT || frame.protocol !== 17 || frame.ipVersion !== 4) return DEFER;
        // An inner tag would have to be answered with one.
        if (frame.etherType !== ethernet.ETHERTYPE_IPV4 || frame.isSuperFrame) return DEFER;
        const dns = frame.transportAt + UDP_HEADER_BYTES;
        if (dns + HEADER_BYTES > frame.datagramEnd) return DEFER;
        const isQuery = (frame.byte(dns + FLAGS) & QR_OPCODE) === 0;
        if (!isQuery || frame.byte(dns + QUESTIONS) !== 0 || frame.byte(dns + QUESTIONS + 1) !== 1) return DEFER;
        counters.queries.add();
        const end = questionEnd(frame.bytes, frame.offset, dns + HEADER_BYTES, frame.datagramEnd);
        if (end < 0 || end > REPLY_BYTES_MAX || !isBlocked(blocked, frame.bytes, frame.offset + dns + HEADER_BYTES)) {
          return DEFER;
        }
        const { bytes, offset, networkAt } = frame;
        for (let k = 0; k < end; k++) reply[k] = bytes[offset + k]!;
        swap(reply, ethernet.DESTINATION, ethernet.SOURCE, 6);
        swap(reply, networkAt + 12, networkAt + 16, 4);
        swap(reply, frame.transportAt, frame.transportAt + 2, 2);
        reply[dns + FLAGS] = RESPONSE | (reply[dns + FLAGS]! & RD);
        reply[dns + FLAGS + 1] = RECURSION_AVAILABLE_NXDOMAIN;
        reply.fill(0, dns + ANSWERS, dns + HEADER_BYTES);
        write16(reply, networkAt + 2, end - networkAt);
        write16(reply, frame.transportAt + 4, end - frame.transportAt);
        // None is allowed over IPv4 (RFC 768).
        write16(reply, frame.transportAt + 6, 0);
        write16(reply, networkAt + 10, 0);
        write16(reply, networkAt + 10, headerChecksum(reply, networkAt, frame.transportAt));
        if (!sender.send(frame.ingress, frame.vlan, reply, end)) return DEFER;
        counters.sinkholed.add();
        return drop.SINKHOLED;
      },
    };
  },
});

/** Where the one question ends; -1: it does not, or its name is compressed, which no query needs. */
function questionEnd(bytes: Uint8Array, frame: number, at: number, end: number): number {
  for (let name = at; name < end && name - at < NAME_BYTES_MAX;) {
    const label = bytes[frame + name]!;
    if (label > 63) return -1;
    name += 1 + label;
    // Type and class follow.
    if (label === 0) return name + 4 <= end ? name + 4 : -1;
  }
  return -1;
}

/** Whether the name, or one above it, is on the list. */
function isBlocked(blocked: ReadonlySet<string>, bytes: Uint8Array, at: number): boolean {
  const labels: string[] = [];
  for (let k = at; bytes[k] !== 0; k += 1 + bytes[k]!) {
    labels.push(String.fromCharCode(...bytes.subarray(k + 1, k + 1 + bytes[k]!)).toLowerCase());
  }
  return labels.some((_, k) => blocked.has(labels.slice(k).join('.')));
}

function swap(bytes: Uint8Array, a: number, b: number, count: number): void {
  for (let k = 0; k < count; k++) [bytes[a + k], bytes[b + k]] = [bytes[b + k]!, bytes[a + k]!];
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function headerChecksum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let k = from; k < to; k += 2) sum += (bytes[k]! << 8) | bytes[k + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
