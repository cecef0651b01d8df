/**
 * An L4 load balancer: TCP and UDP over IPv4 to a virtual address are spread over several servers by rendezvous hashing of the
 * client's address and port (Thaler, Ravishankar: IEEE/ACM Transactions on Networking 6, 1), so that a server that leaves moves
 * only its own clients. Addresses are rewritten both ways, and checksums kept. It keeps no state per connection.
 */
import { DEFER, defineLogic, ethernet, ipv4, keyed, macHigh, macLow, ownTable } from 'tswitch/logic';

/** Offsets of ARP for Ethernet and IPv4 (RFC 826) in a frame. */
const ARP_OPERATION = ethernet.PAYLOAD + 7;
const ARP_SENDER_MAC = ethernet.PAYLOAD + 8;
const ARP_SENDER_IP = ethernet.PAYLOAD + 14;
const ARP_TARGET_MAC = ethernet.PAYLOAD + 18;
const ARP_TARGET_IP = ethernet.PAYLOAD + 24;
const ARP_BYTES = ethernet.PAYLOAD + 28;
const SERVERS_MAX = 64;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

export default defineLogic({
  name: 'load-balancer',
  description: 'spreads TCP and UDP to a virtual address over several servers',
  params: (z) =>
    z.object({
      address: z.ipv4().default('10.0.0.100').describe('the virtual IPv4 address'),
      mac: z
        .string()
        .regex(MAC, 'must be a MAC address')
        .default('02:00:5e:00:01:00')
        .describe('MAC address that it is said to have'),
      servers: z
        .record(z.ipv4(), z.string().regex(MAC, 'must be a MAC address'))
        .default({})
        .describe('MAC addresses of the servers by IPv4 address'),
    }),
  drops: {
    NO_SERVER: 'it is for the virtual address, which has no server',
    ANSWERED: 'an ARP request for the virtual address, which was answered here',
  },
  counters: { toServers: 'frames sent on to a server', toClients: "servers' frames given the virtual address" },
  create: ({ params, sender, drop, counters }) => {
    const virtual = ipv4(params.address);
    const [virtualHigh, virtualLow] = [macHigh(params.mac), macLow(params.mac)];
    const servers = Object.entries(params.servers).slice(0, SERVERS_MAX);
    const address = Int32Array.from(servers, ([ip]) => ipv4(ip));
    const high = Int32Array.from(servers, ([, mac]) => macHigh(mac));
    const low = Int32Array.from(servers, ([, mac]) => macLow(mac));
    const isServer = ownTable(keyed({ rows: SERVERS_MAX, columns: [] }));
    for (const each of address) isServer.insert(0, each);

    const answer = new Uint8Array(60);
    answer.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 2], ethernet.ETHERTYPE);
    writeMac(answer, ethernet.SOURCE, virtualHigh, virtualLow);
    writeMac(answer, ARP_SENDER_MAC, virtualHigh, virtualLow);

    /** The server whose weight for the client is highest. */
    const choose = (client: number, port: number): number => {
      let best = 0;
      let bestWeight = -1;
      for (let k = 0; k < address.length; k++) {
        const weight = mix(client ^ Math.imul(port, 0x9e3779b1) ^ Math.imul(address[k]!, 0x85ebca6b)) >>> 0;
        if (weight <= bestWeight) continue;
        best = k;
        bestWeight = weight;
      }
      return best;
    };

    return {
      frame: (frame) => {
        if (frame.etherType === ethernet.ETHERTYPE_ARP) {
          if (frame.length < ARP_BYTES || frame.byte(ARP_OPERATION) !== 1) return DEFER;
          const { bytes, offset } = frame;
          if (word(bytes, offset + ARP_TARGET_IP) !== virtual) return DEFER;
          for (let k = 0; k < 6; k++) {
            answer[ethernet.DESTINATION + k] = bytes[offset + ethernet.SOURCE + k]!;
            answer[ARP_TARGET_MAC + k] = bytes[offset + ARP_SENDER_MAC + k]!;
          }
          for (let k = 0; k < 4; k++) {
            answer[ARP_SENDER_IP + k] = bytes[offset + ARP_TARGET_IP + k]!;
            answer[ARP_TARGET_IP + k] = bytes[offset + ARP_SENDER_IP + k]!;
          }
          return sender.send(frame.ingress, frame.vlan, answer) ? drop.ANSWERED : DEFER;
        }
        if (frame.sourcePort < 0 || frame.ipVersion !== 4) return DEFER;
        if (frame.ipv4Destination === virtual) {
          if (address.length === 0) return drop.NO_SERVER;
          const k = choose(frame.ipv4Source, frame.sourcePort);
          frame.setIpv4Destination(address[k]!);
          frame.setDestination(high[k]!, low[k]!);
          counters.toServers.add();
          return DEFER;
        }
        // Clients know the virtual address alone; servers know each other's own.
        if (isServer.find(0, frame.ipv4Source) >= 0 && isServer.find(0, frame.ipv4Destination) < 0) {
          frame.setIpv4Source(virtual);
          counters.toClients.add();
        }
        return DEFER;
      },
    };
  },
});

function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function writeMac(bytes: Uint8Array, at: number, high: number, low: number): void {
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  for (let k = 0; k < 4; k++) bytes[at + 2 + k] = low >>> (24 - 8 * k);
}
