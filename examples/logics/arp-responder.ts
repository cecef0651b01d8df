/**
 * Answers ARP requests for addresses whose owner is known, so that they need not be flooded. The owners are given, and learned
 * from what ARP says otherwise.
 */
import { DEFER, defineLogic, ethernet, ipv4, keyed, macHigh, macLow, ownTable } from 'tswitch/logic';

/** Offsets of ARP for Ethernet and IPv4 (RFC 826) in a frame. */
const OPERATION = ethernet.PAYLOAD + 6;
const SENDER_MAC = ethernet.PAYLOAD + 8;
const SENDER_IP = ethernet.PAYLOAD + 14;
const TARGET_MAC = ethernet.PAYLOAD + 18;
const TARGET_IP = ethernet.PAYLOAD + 24;
const ARP_BYTES = ethernet.PAYLOAD + 28;
const REQUEST = 1;
const REPLY = 2;
/** Ethernet, IPv4, and the lengths of their addresses. */
const FIXED = [0, 1, 8, 0, 6, 4];

export default defineLogic({
  name: 'arp-responder',
  description: 'answers ARP requests for known addresses, so that they are not flooded',
  params: (z) =>
    z.object({
      learn: z.boolean().default(true).describe('whether owners are learned from ARP'),
      hosts: z.record(z.string(), z.string()).default({}).describe('MAC addresses by IPv4 address'),
    }),
  drops: { ANSWERED: 'an ARP request that was answered here' },
  counters: { answered: 'requests answered', learned: 'addresses learned' },
  // By IPv4 address: its owner.
  tables: { hosts: keyed({ rows: 4096, columns: ['macHigh', 'macLow'], carried: true }) },
  create: ({ params, tables: { hosts }, sender, drop, counters }) => {
    const given = ownTable(keyed({ rows: 4096, columns: ['macHigh', 'macLow'] }));
    const note = (table: typeof given, vlan: number, address: number, high: number, low: number): boolean => {
      const isNew = table.find(vlan, address) < 0;
      const row = table.insert(vlan, address);
      if (row < 0) return false;
      table.column.macHigh[row] = high;
      table.column.macLow[row] = low;
      return isNew;
    };
    // Given ones hold in every VLAN, for which 0 stands.
    for (const [address, mac] of Object.entries(params.hosts)) note(given, 0, ipv4(address), macHigh(mac), macLow(mac));
    const answer = new Uint8Array(60);
    answer.set([8, 6, ...FIXED, 0, REPLY], ethernet.ETHERTYPE);
    return {
      frame: (frame) => {
        if (frame.etherType !== ethernet.ETHERTYPE_ARP || frame.length < ARP_BYTES) return DEFER;
        for (let k = 0; k < FIXED.length; k++) if (frame.byte(ethernet.PAYLOAD + k) !== FIXED[k]) return DEFER;
        const { bytes, offset, vlan } = frame;
        const from = word(bytes, offset + SENDER_IP);
        if (params.learn && from !== 0) {
          const low = word(bytes, offset + SENDER_MAC + 2);
          const high = (bytes[offset + SENDER_MAC]! << 8) | bytes[offset + SENDER_MAC + 1]!;
          if (note(hosts, vlan, from, high, low)) counters.learned.add();
        }
        const target = word(bytes, offset + TARGET_IP);
        // Who asks for itself wants to know whether somebody else answers (RFC 5227).
        if (frame.byte(OPERATION + 1) !== REQUEST || target === from || from === 0) return DEFER;
        const isGiven = given.find(0, target) >= 0;
        const table = isGiven ? given : hosts;
        const row = table.find(isGiven ? 0 : vlan, target);
        if (row < 0) return DEFER;
        const { macHigh: high, macLow: low } = table.column;
        writeMac(answer, ethernet.SOURCE, high[row]!, low[row]!);
        writeMac(answer, SENDER_MAC, high[row]!, low[row]!);
        for (let k = 0; k < 6; k++) {
          answer[ethernet.DESTINATION + k] = bytes[offset + ethernet.SOURCE + k]!;
          answer[TARGET_MAC + k] = bytes[offset + SENDER_MAC + k]!;
        }
        for (let k = 0; k < 4; k++) {
          answer[SENDER_IP + k] = bytes[offset + TARGET_IP + k]!;
          answer[TARGET_IP + k] = bytes[offset + SENDER_IP + k]!;
        }
        if (!sender.send(frame.ingress, vlan, answer)) return DEFER;
        counters.answered.add();
        return drop.ANSWERED;
      },
    };
  },
});

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function writeMac(bytes: Uint8Array, at: number, high: number, low: number): void {
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  for (let k = 0; k < 4; k++) bytes[at + 2 + k] = low >>> (24 - 8 * k);
}
