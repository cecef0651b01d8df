/**
 * Builds super-frames and judges wire frames for the offload tests. Written from the standards (RFC 791, 8200, 9293, 768,
 * 1071) and sharing nothing with src/frame, so that the two check each other.
 */
import fc from 'fast-check';

export interface Extension {
  type: number;
  /** Contents behind the first two bytes; their number is 6 more than a multiple of 8. */
  body: Uint8Array;
}

export interface Plan {
  version: 4 | 6;
  protocol: 'tcp' | 'udp';
  tags: { tpid: number; tci: number }[];
  /** IPv4 options, padded to words; IPv6 extension headers. */
  ipOptions: Uint8Array;
  extensions: Extension[];
  tcpOptions: Uint8Array;
  tcpFlags: number;
  sequence: number;
  ipId: number;
  gsoSize: number;
  ecn: boolean;
  needsCsum: boolean;
  payload: Uint8Array;
}

export const PLAN: Plan = {
  version: 4,
  protocol: 'tcp',
  tags: [],
  ipOptions: new Uint8Array(0),
  extensions: [],
  tcpOptions: new Uint8Array(12).fill(1),
  tcpFlags: 0x18,
  sequence: 1000,
  ipId: 7,
  gsoSize: 1448,
  ecn: false,
  needsCsum: true,
  payload: Uint8Array.from({ length: 5000 }, (_, i) => i * 7),
};

/** Where a routing header says that the datagram ends up; checksums cover this address. */
const FINAL_DESTINATION = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 - i);
/** One segment left to go (RFC 8200, section 4.4; type 4, RFC 8754). */
export const ROUTING: Extension = {
  type: 43,
  body: Uint8Array.from([4, 1, 0, 0, 0, 0, ...FINAL_DESTINATION]),
};

/** The sum as RFC 1071 defines it, by plain arithmetic. */
export function slowSum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i]! * 256 : bytes[i]!;
  return sum === 0 ? 0 : ((sum - 1) % 65535) + 1;
}

const word = (value: number): number[] => [(value >>> 8) & 255, value & 255];
const littleWord = (value: number): number[] => [value & 255, (value >>> 8) & 255];

function pseudoHeader(plan: Plan, transportBytes: number): number[] {
  const number = plan.protocol === 'tcp' ? 6 : 17;
  const destination = plan.extensions.includes(ROUTING) ? [...FINAL_DESTINATION] : addresses(plan).destination;
  return [...addresses(plan).source, ...destination, 0, 0, ...word(transportBytes), 0, number];
}

function addresses(plan: Plan): { source: number[]; destination: number[] } {
  if (plan.version === 4) return { source: [10, 0, 0, 1], destination: [192, 168, 77, 254] };
  const source = [0xfd, 0, ...Array.from({ length: 14 }, (_, i) => i * 11)];
  return { source, destination: [0xfd, 1, ...Array.from({ length: 14 }, (_, i) => 255 - i)] };
}

function transportHeader(plan: Plan, sequence: number, flags: number, payloadBytes: number): number[] {
  if (plan.protocol === 'udp') return [...word(5001), ...word(443), ...word(8 + payloadBytes), 0, 0];
  const dataOffset = (20 + plan.tcpOptions.length) / 4;
  const ports = [...word(40000), ...word(5201)];
  const numbers = [...word(sequence >>> 16), ...word(sequence), 1, 2, 3, 4];
  return [...ports, ...numbers, dataOffset << 4, flags, 0x20, 0, 0, 0, 0, 0, ...plan.tcpOptions];
}

function networkHeader(plan: Plan, id: number, transportBytes: number): number[] {
  const protocol = plan.protocol === 'tcp' ? 6 : 17;
  const { source, destination } = addresses(plan);
  if (plan.version === 4) {
    const headerBytes = 20 + plan.ipOptions.length;
    const start = [
      0x40 | (headerBytes / 4),
      0x02,
      ...word(headerBytes + transportBytes),
      ...word(id),
      0x40,
      0,
      64,
      protocol,
    ];
    const closed = [...start, 0, 0, ...source, ...destination, ...plan.ipOptions];
    closed.splice(10, 2, ...word(0xffff - slowSum(closed)));
    return closed;
  }
  const types = [...plan.extensions.map((extension) => extension.type), protocol];
  const extensions = plan.extensions.flatMap(({ body }, i) => [types[i + 1]!, (body.length + 2) / 8 - 1, ...body]);
  const start = [0x60, 0x20, 0, 9, ...word(extensions.length + transportBytes), types[0]!, 64];
  return [...start, ...source, ...destination, ...extensions];
}

function linkHeader(plan: Plan): number[] {
  const tags = plan.tags.flatMap(({ tpid, tci }) => [...word(tpid), ...word(tci)]);
  return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ...tags, ...word(plan.version === 4 ? 0x0800 : 0x86dd)];
}

/** The super-frame, with its virtio-net header in front. */
export function superFrame(plan: Plan): { header: Uint8Array; frame: Uint8Array; headerBytes: number } {
  const transport = transportHeader(plan, plan.sequence, plan.tcpFlags, plan.payload.length);
  const transportBytes = transport.length + plan.payload.length;
  const checksum = plan.protocol === 'tcp' ? 16 : 6;
  const sum = slowSum(pseudoHeader(plan, transportBytes));
  // Without NEEDS_CSUM the field holds what a NIC has checked: nothing that segmentation may use.
  transport.splice(checksum, 2, ...word(plan.needsCsum ? sum : 0xbeef));
  const before = [...linkHeader(plan), ...networkHeader(plan, plan.ipId, transportBytes)];
  const type = plan.protocol === 'udp' ? 5 : plan.version === 4 ? 1 : 4;
  const gso = [type | (plan.ecn ? 0x80 : 0), ...littleWord(before.length), ...littleWord(plan.gsoSize)];
  const csum = plan.needsCsum ? [...littleWord(before.length), ...littleWord(checksum)] : [0, 0, 0, 0];
  return {
    header: Uint8Array.from([plan.needsCsum ? 1 : 2, ...gso, ...csum]),
    frame: Uint8Array.from([...before, ...transport, ...plan.payload]),
    headerBytes: before.length + transport.length,
  };
}

/** The wire frames that the super-frame stands for, each built from nothing. */
export function expectedSegments(plan: Plan): Uint8Array[] {
  const count = Math.max(1, Math.ceil(plan.payload.length / plan.gsoSize));
  return Array.from({ length: count }, (_, k) => {
    const payload = plan.payload.subarray(k * plan.gsoSize, (k + 1) * plan.gsoSize);
    const first = k === 0;
    const last = k === count - 1;
    const flags = plan.tcpFlags & ~(plan.ecn && !first ? 0x80 : 0) & ~(last ? 0 : 0x09);
    const sequence = (plan.sequence + k * plan.gsoSize) % 2 ** 32;
    const transport = transportHeader(plan, sequence, flags, payload.length);
    const transportBytes = transport.length + payload.length;
    const checksum = 0xffff - slowSum([...pseudoHeader(plan, transportBytes), ...transport, ...payload]);
    const isUdp = plan.protocol === 'udp';
    transport.splice(isUdp ? 6 : 16, 2, ...word(isUdp && checksum === 0 ? 0xffff : checksum));
    const network = networkHeader(plan, (plan.ipId + k) % 65536, transportBytes);
    return Uint8Array.from([...linkHeader(plan), ...network, ...transport, ...payload]);
  });
}

/** Every kind of super-frame that must be cut. */
export function plans(): fc.Arbitrary<Plan> {
  const words = (max: number) =>
    fc.integer({ min: 0, max }).chain((n) => fc.uint8Array({ minLength: n * 4, maxLength: n * 4 }));
  const tag = fc.record({ tpid: fc.constantFrom(0x8100, 0x88a8), tci: fc.nat(0xffff) });
  const extension = fc.oneof(
    fc.constant(ROUTING),
    fc.record({
      type: fc.constantFrom(0, 60),
      body: fc.constantFrom(6, 14, 22).chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
    }),
  );
  return fc
    .record({
      version: fc.constantFrom(4 as const, 6 as const),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      tags: fc.array(tag, { maxLength: 2 }),
      ipOptions: words(10),
      extensions: fc.array(extension, { maxLength: 3 }),
      tcpOptions: words(10),
      tcpFlags: fc.nat(255),
      sequence: fc.oneof(fc.nat(0xffffffff), fc.integer({ min: 0xffff0000, max: 0xffffffff })),
      ipId: fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xfff0, max: 0xffff })),
      gsoSize: fc.oneof(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 41, max: 9000 }),
        fc.integer({ min: 1, max: 0xffff }),
      ),
      ecn: fc.boolean(),
      needsCsum: fc.boolean(),
      payload: fc.uint8Array({ maxLength: 6000, size: 'max' }),
    })
    .map((plan) => {
      const segmentsMax = 300;
      const isIpv6 = plan.version === 6;
      return {
        ...plan,
        ecn: plan.ecn && plan.protocol === 'tcp',
        extensions: isIpv6 ? plan.extensions : [],
        ipOptions: isIpv6 ? new Uint8Array(0) : plan.ipOptions,
        needsCsum: plan.needsCsum || (isIpv6 && plan.extensions.includes(ROUTING)),
        payload: plan.payload.subarray(0, plan.gsoSize * segmentsMax),
      };
    });
}
