/**
 * A guard against SYN floods: so many connection attempts (TCP segments with SYN and without ACK) per second and destination
 * address pass; the rest is dropped, while what belongs to connections passes always. Attempts are counted in a count-min
 * sketch (Cormode, Muthukrishnan: Journal of Algorithms 55, 1), which takes the same memory whatever the number of addresses,
 * and never counts too few.
 */
import { DEFER, defineLogic, ownTable, rows } from 'tswitch/logic';

const TCP = 6;
const FLAGS = 13;
const SYN = 0x02;
const ACK = 0x10;
/** Rows of the sketch, each a hash of its own, and counters in each. */
const HASHES = 4;
const WIDTH = 4096;
const SEEDS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];

export default defineLogic({
  name: 'syn-guard',
  description: 'limits connection attempts per destination address and second',
  params: (z) =>
    z.object({
      attemptsPerSecond: z.int().min(1).max(1_000_000).default(200).describe('per worker and destination address'),
    }),
  drops: { TOO_MANY_SYNS: 'more connection attempts to its destination than pass in a second' },
  counters: { attempts: 'connection attempts seen' },
  tickMs: 1000,
  create: ({ params, drop, counters }) => {
    const sketch = ownTable(rows({ rows: HASHES * WIDTH, columns: ['count'] })).column.count;
    return {
      frame: (frame) => {
        if (frame.protocol !== TCP || frame.ipVersion !== 4) return DEFER;
        const flags = frame.byte(frame.transportAt + FLAGS);
        if ((flags & (SYN | ACK)) !== SYN) return DEFER;
        counters.attempts.add();
        const address = frame.ipv4Destination;
        let least = 0x7fffffff;
        for (let k = 0; k < HASHES; k++) {
          const at = k * WIDTH + ((Math.imul(address ^ (address >>> 15), SEEDS[k]!) >>> 16) & (WIDTH - 1));
          const count = sketch[at]! + 1;
          sketch[at] = count;
          if (count < least) least = count;
        }
        return least > params.attemptsPerSecond ? drop.TOO_MANY_SYNS : DEFER;
      },
      tick: () => void sketch.fill(0),
    };
  },
});
