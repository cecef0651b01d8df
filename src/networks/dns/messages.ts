/** DNS messages (RFC 1035, section 4): a question in, an answer of ours out. Pure. The wire format is dns-packet's. */
import * as dns from 'dns-packet';

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type Rcode = (typeof RCODE)[keyof typeof RCODE];

const HEADER_BYTES = 12;
const FLAGS_AT = 2;
const IS_RESPONSE = 0x8000;
const OPCODE_MASK = 0x7800;
const RECURSION_DESIRED = 0x0100;
/** Of a UDP answer to whoever does not say that it takes more (RFC 1035, 4.2.1), and the most we send (RFC 9715, 3.2). */
const UDP_BYTES_DEFAULT = 512;
const UDP_BYTES_MAX = 1232;
const EDNS: dns.OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: UDP_BYTES_MAX,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};
/** Members come and go, so answers are soon forgotten. */
const TTL_SECONDS = 5;

export interface Question {
  /** As it came. */
  message: Buffer;
  id: number;
  name: string;
  type: string;
  recursionDesired: boolean;
  /** Bytes that the asker takes in a datagram. */
  udpBytes: number;
  /** It speaks EDNS(0) (RFC 6891), so the answer does too. */
  hasEdns: boolean;
  asked: dns.Question;
}

/** The question of a message; an error code where it has none that can be answered; null where it is to be ignored. */
export function readQuestion(message: Buffer): Question | Rcode | null {
  if (message.length < HEADER_BYTES) return null;
  const flags = message.readUInt16BE(FLAGS_AT);
  if ((flags & IS_RESPONSE) !== 0) return null;
  if ((flags & OPCODE_MASK) !== 0) return RCODE.NOTIMP;
  try {
    const { id = 0, questions = [], additionals = [] } = dns.decode(message);
    const [asked, ...more] = questions;
    if (!asked || more.length > 0) return RCODE.FORMERR;
    if (asked.class !== undefined && asked.class !== 'IN') return RCODE.REFUSED;
    const edns = additionals.find((each) => each.type === 'OPT');
    const udpBytes = edns?.type === 'OPT' ? edns.udpPayloadSize : UDP_BYTES_DEFAULT;
    return {
      message,
      id,
      asked,
      name: asked.name.replace(/\.$/, ''),
      type: asked.type,
      recursionDesired: (flags & RECURSION_DESIRED) !== 0,
      udpBytes: Math.min(Math.max(udpBytes, UDP_BYTES_DEFAULT), UDP_BYTES_MAX),
      hasEdns: edns !== undefined,
    };
  } catch {
    return RCODE.FORMERR;
  }
}

/** @param values addresses, or for PTR names */
export function answerTo(question: Question, rcode: Rcode, values: readonly string[] = []): Buffer {
  const type = question.type as 'A' | 'AAAA' | 'PTR';
  return encode(
    question,
    rcode,
    values.map((data) => ({ name: question.asked.name, type, ttl: TTL_SECONDS, data })),
  );
}

/** What can be said to a message that was not understood: that, with the number it came with. */
export function errorTo(message: Buffer, rcode: Rcode): Buffer {
  return dns.encode({ type: 'response', id: message.readUInt16BE(0), flags: rcode });
}

/** The answer as a datagram: one that is too long is cut, and the asker told to come again by TCP. */
export function asDatagram(answer: Buffer, question: Question): Buffer {
  if (answer.length <= question.udpBytes) return answer;
  return encode(question, RCODE.NOERROR, [], dns.TRUNCATED_RESPONSE);
}

function encode(question: Question, rcode: Rcode, answers: dns.StringAnswer[], more = 0): Buffer {
  const { message, id, asked, recursionDesired, hasEdns } = question;
  const desired = recursionDesired ? dns.RECURSION_DESIRED : 0;
  try {
    return dns.encode({
      type: 'response',
      id,
      flags: dns.AUTHORITATIVE_ANSWER | dns.RECURSION_AVAILABLE | desired | more | rcode,
      questions: [asked],
      answers,
      additionals: hasEdns ? [EDNS] : [],
    });
  } catch {
    // A name that can be read but not be written: bytes that are no text.
    return errorTo(message, RCODE.FORMERR);
  }
}
