/**
 * A packet sampler in the way of sFlow (RFC 3176): one frame in `oneIn` is taken, by chance, and its first bytes are sent to a
 * collector in a UDP datagram: a text line of port, VLAN and length, a zero byte, and the bytes. The frame itself goes its way.
 */
import { DEFER, defineLogic, ethernet, ipv4, macHigh, macLow } from 'tswitch/logic';

const IP_BYTES = 20;
const UDP_BYTES = 8;
const PAYLOAD_AT = ethernet.PAYLOAD + IP_BYTES + UDP_BYTES;
const UDP = 17;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

export default defineLogic({
  name: 'packet-sampler',
  description: 'sends the first bytes of one frame in many to a collector',
  params: (z) =>
    z.object({
      oneIn: z.int().min(1).max(1_000_000).default(1000).describe('one frame in so many, on average'),
      bytes: z.int().min(14).max(1024).default(128).describe('so many of its first bytes'),
      port: z.string().default('').describe('port that the collector is behind'),
      vlan: z.int().min(1).max(4094).default(1).describe('VLAN that it is in'),
      source: z.ipv4().default('192.0.2.1').describe('IPv4 address that samples come from'),
      collector: z.ipv4().default('192.0.2.2').describe("the collector's IPv4 address"),
      collectorMac: z
        .string()
        .regex(MAC, 'must be a MAC address')
        .default('02:00:00:00:00:02')
        .describe('its MAC address'),
      udpPort: z.int().min(1).max(65_535).default(6343).describe('its UDP port'),
    }),
  counters: { sampled: 'frames sampled', unsent: 'samples that could not be sent' },
  create: ({ params, ports, random, sender, counters }) => {
    const collector = ports.handleOf(params.port);
    const sample = new Uint8Array(PAYLOAD_AT + 128 + params.bytes);
    const view = new DataView(sample.buffer);
    view.setUint16(ethernet.DESTINATION, macHigh(params.collectorMac));
    view.setInt32(ethernet.DESTINATION + 2, macLow(params.collectorMac));
    // Locally administered, as the switch itself has no address.
    sample.set([0x02, 0x74, 0x73, 0x77, 0x73, 0x66, 8, 0, 0x45], ethernet.SOURCE);
    const ip = ethernet.PAYLOAD;
    sample[ip + 8] = 64;
    sample[ip + 9] = UDP;
    view.setInt32(ip + 12, ipv4(params.source));
    view.setInt32(ip + 16, ipv4(params.collector));
    view.setUint16(ip + IP_BYTES, params.udpPort);
    view.setUint16(ip + IP_BYTES + 2, params.udpPort);
    return {
      frame: (frame) => {
        // What the collector itself sends is not sampled, so that a sample causes no sample.
        if (collector < 0 || frame.ingress === collector || !random.oneIn(params.oneIn)) return DEFER;
        let at = PAYLOAD_AT;
        const head = `${ports.names[frame.ingress]} vlan ${frame.vlan} length ${frame.length}\0`;
        for (let k = 0; k < head.length; k++) sample[at++] = head.charCodeAt(k);
        const count = Math.min(frame.length, params.bytes);
        for (let k = 0; k < count; k++) sample[at++] = frame.bytes[frame.offset + k]!;
        view.setUint16(ip + 2, at - ip);
        view.setUint16(ip + IP_BYTES + 4, at - ip - IP_BYTES);
        view.setUint16(ip + 10, 0);
        view.setUint16(ip + 10, headerChecksum(view, ip));
        if (sender.send(collector, params.vlan, sample, at)) counters.sampled.add();
        else counters.unsent.add();
        return DEFER;
      },
    };
  },
});

function headerChecksum(view: DataView, at: number): number {
  let sum = 0;
  for (let k = 0; k < IP_BYTES; k += 2) sum += view.getUint16(at + k);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
