/** Published ports as people write them: `[HOST-IP:]PORT[-PORT]:PORT[-PORT][/tcp|/udp]`, an IPv6 address in brackets. Pure. */
import { TswitchError } from '../../control/errors.ts';
import { PROTOCOLS, type Published } from '../model.ts';
import { parseAddress, formatAddress } from '../addresses/subnet.ts';

const SPEC =
  /^(?:(?:\[(?<ipv6>[^\]]*)\]|(?<ipv4>[0-9.]+)):)?(?<host>[0-9]+)(?:-(?<hostEnd>[0-9]+))?:(?<port>[0-9]+)(?:-(?<portEnd>[0-9]+))?(?:\/(?<protocol>[a-z]+))?$/;
const PORT_MAX = 65_535;

/** @throws TswitchError BAD_REQUEST */
export function parsePublished(text: string): Published {
  const groups = SPEC.exec(text)?.groups;
  if (!groups) refuse(text, 'write it like 8080:80, 127.0.0.1:5353:53/udp, [::1]:8000-8010:80-90');
  const { ipv6, ipv4, host = '', hostEnd = host, port = '', portEnd = port, protocol: named = 'tcp' } = groups;
  const protocol = PROTOCOLS.find((each) => each === named);
  if (!protocol) refuse(text, `the protocol must be one of ${PROTOCOLS.join(', ')}`);
  const [first, last, from, to] = [host, hostEnd, port, portEnd].map(Number) as [number, number, number, number];
  if ([first, last, from, to].some((each) => each < 1 || each > PORT_MAX)) refuse(text, `ports are 1 to ${PORT_MAX}`);
  if (last < first || to < from || last - first !== to - from)
    refuse(text, 'both ranges must rise, and be equally long');
  return { protocol, hostIp: hostIpOf(ipv6 ?? ipv4), hostPort: first, containerPort: from, count: last - first + 1 };
}

/** `0.0.0.0:8080->80/tcp`, as `docker ps` writes it. */
export function formatPublished({ protocol, hostIp, hostPort, containerPort, count }: Published): string {
  const host = hostIp === null ? '' : `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:`;
  return `${host}${range(hostPort, count)}->${range(containerPort, count)}/${protocol}`;
}

function range(first: number, count: number): string {
  return count === 1 ? String(first) : `${first}-${first + count - 1}`;
}

/** `0.0.0.0` and `::` are all addresses of one family. */
function hostIpOf(text: string | undefined): string | null {
  if (text === undefined || text === '0.0.0.0' || text === '::') return text ?? null;
  const { family, value } = parseAddress(text, 'publish');
  return formatAddress(family, value);
}

function refuse(text: string, why: string): never {
  throw new TswitchError('BAD_REQUEST', `publish: "${text}" cannot be published: ${why}`);
}
