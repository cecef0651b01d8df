/** A frame in one line for people: addresses, tags and the protocol, as far as its bytes go. */
import ipaddr from 'ipaddr.js';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../frame/ethernet.ts';
import { isTagTpid, PCP_SHIFT, TPID_CUSTOMER, VID_MASK } from '../frame/vlan.ts';

const HEADER_BYTES = 14;
const TAG_BYTES = 4;
/** Above this the EtherType field is one; up to it, it is a length (IEEE 802.3-2022, 3.2.6). */
const LENGTH_MAX = 1500;
/** Protocols by their number (IANA), as far as a switch's user meets them daily. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'hop-by-hop options',
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  44: 'fragment',
  58: 'ICMPv6',
  132: 'SCTP',
};
const PROTOCOLS_WITH_PORTS = new Set([6, 17, 132]);
const ETHERTYPES: Readonly<Record<number, string>> = {
  0x8809: 'slow protocols (LACP)',
  0x88cc: 'LLDP',
  0x888e: 'EAPOL',
  0x8808: 'MAC control',
  0x88b5: 'local experimental (88b5)',
};

/** @param length of the whole frame, of which `bytes` may be the beginning only */
export function frameSummary(bytes: Uint8Array, length: number): string {
  if (bytes.length < HEADER_BYTES) return `${length} bytes, too short for an Ethernet header`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = [`${macAt(bytes, 6)} > ${macAt(bytes, 0)}`];
  let at = 12;
  let type = view.getUint16(at);
  while (isTagTpid(type) && bytes.length >= at + TAG_BYTES + 2) {
    const tci = view.getUint16(at + 2);
    const pcp = tci >>> PCP_SHIFT;
    words.push(`${type === TPID_CUSTOMER ? '802.1Q' : '802.1ad'} vlan ${tci & VID_MASK}${pcp ? ` pcp ${pcp}` : ''}`);
    at += TAG_BYTES;
    type = view.getUint16(at);
  }
  words.push(payload(type, bytes.subarray(at + 2)), `length ${length}`);
  return words.join(', ');
}

function payload(type: number, bytes: Uint8Array): string {
  if (type <= LENGTH_MAX) return bytes[0] === 0x42 && bytes[1] === 0x42 ? 'STP' : `LLC, ${type} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === ETHERTYPE_ARP && bytes.length >= 28) return arp(view, bytes);
  if (type === ETHERTYPE_IPV4 && bytes.length >= 20) {
    const headerBytes = (bytes[0]! & 0x0f) * 4;
    const isLaterFragment = (view.getUint16(6) & 0x1fff) !== 0;
    const upper = isLaterFragment ? new Uint8Array() : bytes.subarray(headerBytes);
    return `IPv4 ${conversation(bytes[9]!, bytes.subarray(12, 16), bytes.subarray(16, 20), upper)}`;
  }
  if (type === ETHERTYPE_IPV6 && bytes.length >= 40) {
    return `IPv6 ${conversation(bytes[6]!, bytes.subarray(8, 24), bytes.subarray(24, 40), bytes.subarray(40))}`;
  }
  return ETHERTYPES[type] ?? `EtherType ${type.toString(16).padStart(4, '0')}`;
}

function arp(view: DataView, bytes: Uint8Array): string {
  const sender = ipText(bytes.subarray(14, 18));
  const target = ipText(bytes.subarray(24, 28));
  const operation = view.getUint16(6);
  if (operation === 1) return `ARP who-has ${target} tell ${sender}`;
  if (operation === 2) return `ARP ${sender} is-at ${macAt(bytes, 8)}`;
  return `ARP operation ${operation}`;
}

function conversation(protocol: number, from: Uint8Array, to: Uint8Array, upper: Uint8Array): string {
  const name = PROTOCOLS[protocol] ?? `protocol ${protocol}`;
  if (!PROTOCOLS_WITH_PORTS.has(protocol) || upper.length < 4) return `${ipText(from)} > ${ipText(to)} ${name}`;
  const view = new DataView(upper.buffer, upper.byteOffset, 4);
  const isIpv6 = from.length === 16;
  const endpoint = (address: Uint8Array, port: number): string =>
    isIpv6 ? `[${ipText(address)}]:${port}` : `${ipText(address)}:${port}`;
  return `${endpoint(from, view.getUint16(0))} > ${endpoint(to, view.getUint16(2))} ${name}`;
}

function ipText(bytes: Uint8Array): string {
  return ipaddr.fromByteArray([...bytes]).toString();
}

function macAt(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
