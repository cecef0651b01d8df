/**
 * Address management for somebody else's networks (libnetwork's IPAM interface): pools, and addresses out of them, kept apart
 * from networks, which come later and may be another driver's. A question that comes twice gets the same answer, as far as it
 * can be told from a new one.
 */
import type { ChangeQueue } from '../../control/change-queue.ts';
import { TswitchError } from '../../control/errors.ts';
import { newId } from '../document.ts';
import type {
  AddressPoolsControl,
  AddressWish,
  GivenAddress,
  NetworksDocument,
  PoolRecord,
  PoolRequest,
} from '../model.ts';
import { choiceRange, inside, normalizeSubnet } from '../network-request.ts';
import type { State } from '../state.ts';
import { bareAddress, RELEASED_MAX } from './choice.ts';
import { allotForDocker, hostRoutes, refuseTaken, takenBy } from './pools.ts';
import { formatAddress, hostRange, nextFree, parseAddress, parseSubnet } from './subnet.ts';

/** An address that no member came for in this time has been forgotten by whoever asked for it. */
const ORPHAN_MS = 60_000;
const ID_DIGITS = 16;

export class AddressPools implements AddressPoolsControl {
  readonly #state: State;
  readonly #changes: ChangeQueue;

  constructor(state: State, changes: ChangeQueue) {
    this.#state = state;
    this.#changes = changes;
  }

  request({ subnet: wanted, ipRange, family }: PoolRequest): Promise<{ id: string; subnet: string }> {
    return this.#changes.run(async () => {
      const { document } = this.#state;
      if (wanted === null && ipRange !== null) {
        throw new TswitchError('BAD_REQUEST', `an address range (${ipRange}) needs its subnet: give --subnet too`);
      }
      const taken = takenBy(document);
      const subnet = wanted ?? allotForDocker(family, document.ipv6Prefix, [...taken, ...(await hostRoutes())]);
      const normal = normalizeSubnet({ subnet, ipRange });
      const before = this.#all.find((pool) => pool.subnet === normal.subnet && pool.given.length === 0);
      if (before && before.ipRange === normal.ipRange) return before;
      if (wanted !== null) refuseTaken(normal.subnet, taken);
      const pool: PoolRecord = {
        id: newId().slice(0, ID_DIGITS),
        subnet: normal.subnet,
        ipRange: normal.ipRange,
        last: null,
        released: [],
        given: [],
      };
      await this.#commit([...this.#all, pool]);
      return pool;
    });
  }

  release(id: string): Promise<void> {
    return this.#changes.run(async () => {
      const left = this.#all.filter((pool) => pool.id !== id);
      if (left.length < this.#all.length) await this.#commit(left);
    });
  }

  /**
   * As part of a change: gives back the pools that no network of Docker's has, which is where Docker ended between asking for one and
   * creating its network. A network of another driver of Docker's may use one too; nothing tells of that here.
   *
   * @returns their subnets
   */
  async releaseUnused(): Promise<string[]> {
    const used = new Set(
      this.#state.document.networks.flatMap(({ owner, subnets }) =>
        owner === undefined ? [] : subnets.map(({ subnet }) => subnet),
      ),
    );
    const unused = this.#all.filter(({ subnet }) => !used.has(subnet));
    if (unused.length > 0) await this.#commit(this.#all.filter((pool) => !unused.includes(pool)));
    return unused.map(({ subnet }) => subnet);
  }

  give(id: string, wish: AddressWish): Promise<string> {
    return this.#changes.run(async () => {
      const pool = this.#all.find((each) => each.id === id);
      if (!pool) {
        throw new TswitchError(
          'NETWORK_NOT_FOUND',
          `tswitch does not know the address pool ${id}, which Docker tells of only once: remove the network with \`docker network rm\` and create it again`,
        );
      }
      const { prefixBits } = parseSubnet(pool.subnet, 'subnet');
      const again = pool.given.find(({ address, mac }) => {
        return mac !== null && mac === wish.mac && (wish.address === null || wish.address === address);
      });
      if (again) return `${again.address}/${prefixBits}`;
      const held = heldIn(this.#state.document, pool);
      const address = wish.address === null ? chosen(pool, held, wish) : checked(pool, held, wish.address);
      const given: GivenAddress = { address, mac: wish.mac, since: Date.now() };
      await this.#replace({
        ...pool,
        given: [...pool.given.filter((each) => each.address !== address), given],
        released: pool.released.filter((each) => each !== address),
        last: wish.address === null && !wish.isGateway ? address : pool.last,
      });
      return `${address}/${prefixBits}`;
    });
  }

  takeBack(id: string, address: string): Promise<void> {
    return this.#changes.run(async () => {
      const pool = this.#all.find((each) => each.id === id);
      if (!pool?.given.some((each) => each.address === address)) return;
      await this.#replace({
        ...pool,
        given: pool.given.filter((each) => each.address !== address),
        released: [...pool.released, address].slice(-RELEASED_MAX),
      });
    });
  }

  get #all(): PoolRecord[] {
    return this.#state.document.pools ?? [];
  }

  #replace(pool: PoolRecord): Promise<void> {
    return this.#commit(this.#all.map((each) => (each.id === pool.id ? pool : each)));
  }

  #commit(pools: PoolRecord[]): Promise<void> {
    return this.#state.commit({ ...this.#state.document, pools });
  }
}

/** What is not to be given: what was, and members' addresses that are not known from here. */
function heldIn({ networks }: NetworksDocument, pool: PoolRecord): Set<bigint> {
  const network = networks.find(({ owner, subnets }) => {
    return owner !== undefined && subnets.some(({ subnet }) => subnet === pool.subnet);
  });
  const members = network?.endpoints.flatMap(({ addresses }) => addresses.map(bareAddress)) ?? [];
  const isOrphan = ({ address, mac, since }: GivenAddress): boolean => {
    return network !== undefined && mac !== null && Date.now() - since > ORPHAN_MS && !members.includes(address);
  };
  const held = pool.given.filter((given) => !isOrphan(given)).map(({ address }) => address);
  return new Set([...held, ...members].map((address) => parseAddress(address, 'address').value));
}

function checked(pool: PoolRecord, held: ReadonlySet<bigint>, address: string): string {
  const subnet = parseSubnet(pool.subnet, 'subnet');
  const value = inside(subnet, address, 'address', pool.subnet);
  const text = formatAddress(subnet.family, value);
  if (!held.has(value)) return text;
  throw new TswitchError('ADDRESS_IN_USE', `${text} of ${pool.subnet} is taken: choose another address`);
}

/** The gateway gets the first address, others the next one in turn. */
function chosen(pool: PoolRecord, held: ReadonlySet<bigint>, { isGateway }: AddressWish): string {
  const subnet = parseSubnet(pool.subnet, 'subnet');
  const { first } = hostRange(subnet);
  if (isGateway && !held.has(first)) return formatAddress(subnet.family, first);
  const range = choiceRange(pool);
  const numberOf = (address: string): bigint => parseAddress(address, 'address').value;
  const released = pool.released.map(numberOf);
  const last = pool.last === null ? undefined : numberOf(pool.last);
  const unused = nextFree(range, last, new Set([...held, ...released]));
  const value = unused ?? released.find((each) => !held.has(each) && each >= range.first && each <= range.last);
  if (value !== undefined) return formatAddress(subnet.family, value);
  throw new TswitchError(
    'POOL_EXHAUSTED',
    `no address is left in ${pool.ipRange ?? pool.subnet}: remove a container, or create a larger network`,
  );
}
