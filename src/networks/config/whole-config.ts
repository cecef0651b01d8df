/**
 * The whole configuration: the switch's, and networks. Each of the two is kept by its own, but a document is applied to both, or
 * to none: while it is, no network changes, and networks are what they were again if the switch refuses its part.
 */
import type { ChangeQueue } from '../../control/change-queue.ts';
import { TswitchError } from '../../control/errors.ts';
import { problemsIn, refusalOf } from '../../control/wish/problem.ts';
import type { ApplyOptions, ApplyResult } from '../../control/wish/configuration.ts';
import { refuseOther } from '../../control/wish/refusals.ts';
import { digestOf, type Wish, type WishRequest } from '../../control/wish/wish.ts';
import { hostRoutes } from '../addresses/pools.ts';
import type { Gateways } from '../gateway/gateways.ts';
import type { NetworkRequest } from '../model.ts';
import type { State } from '../state.ts';
import { type NetworkAction, type NetworksPlan, planNetworks, wishedNetworks } from './plan.ts';

export interface WholeWish extends Wish {
  /** Without those that exist always, and without members. */
  networks: NetworkRequest[];
}

export interface WholeRequest extends WishRequest {
  /** Left out: they stay as they are. */
  networks?: NetworkRequest[];
}

export interface WholeResult extends Omit<ApplyResult, 'actions'> {
  actions: (ApplyResult['actions'][number] | NetworkAction)[];
}

export class WholeConfig {
  readonly #state: State;
  readonly #changes: ChangeQueue;
  readonly #gateways: Gateways;

  constructor(state: State, changes: ChangeQueue, gateways: Gateways) {
    this.#state = state;
    this.#changes = changes;
    this.#gateways = gateways;
  }

  view(): { wish: WholeWish; digest: string } {
    const wish = { ...this.#state.control.config().wish, networks: wishedNetworks(this.#state.document.networks) };
    return { wish, digest: digestOf(wish) };
  }

  /** @throws TswitchError, as applyConfig of the switch, and then nothing is changed */
  apply(request: WholeRequest, options: ApplyOptions = {}): Promise<WholeResult> {
    const { networks: wanted, ...ofSwitch } = request;
    return this.#changes.run(async () => {
      refuseOther(options.ifMatch, this.view().digest);
      const plan = wanted === undefined ? null : await this.#plan(wanted);
      if (plan && plan.problems.length > 0) throw await this.#refusal(plan, ofSwitch);
      const actions = plan?.actions ?? [];
      const rest = restOf(options, digestOf(this.#state.control.config().wish));
      if (plan === null || actions.length === 0 || options.dryRun) {
        return this.#result(await this.#state.control.applyConfig(ofSwitch, rest), actions);
      }
      refuseConfirmation(options);
      const { networks: before } = this.#state.document;
      await this.#become(plan.networks);
      try {
        return this.#result(await this.#state.control.applyConfig(ofSwitch, rest), actions);
      } catch (error) {
        await this.#become(before);
        throw error;
      } finally {
        await this.#gateways.dropOthers(this.#state.document.networks);
      }
    });
  }

  /** Brings networks alone to a list of them. @throws TswitchError, and then nothing is changed */
  applyNetworks(wanted: readonly NetworkRequest[]): Promise<void> {
    return this.#changes.run(async () => {
      const { problems, networks } = await this.#plan(wanted);
      if (problems.length > 0) throw refusalOf(problems);
      await this.#become(networks);
      await this.#gateways.dropOthers(networks);
    });
  }

  async #plan(wanted: readonly NetworkRequest[]): Promise<NetworksPlan> {
    const { document, control } = this.#state;
    const vlans = control.vlans().map(({ vlan }) => vlan);
    return planNetworks(wanted, { ...document, vlans, routes: await hostRoutes() });
  }

  /** With what the switch has against its part too. */
  async #refusal({ problems }: NetworksPlan, ofSwitch: WishRequest): Promise<TswitchError> {
    const others = await this.#state.control.applyConfig(ofSwitch, { dryRun: true }).then(() => [], problemsIn);
    return refusalOf([...others, ...problems]);
  }

  #result({ actions, ...rest }: ApplyResult, ofNetworks: readonly NetworkAction[]): WholeResult {
    return { ...rest, actions: [...actions, ...ofNetworks], digest: this.view().digest };
  }

  async #become(networks: NetworksPlan['networks']): Promise<void> {
    await this.#state.commit({ ...this.#state.document, networks });
  }
}

/** The switch's own document is the one that was compared. */
function restOf({ ifMatch, ...options }: ApplyOptions, digest: string): ApplyOptions {
  return ifMatch === undefined ? options : { ...options, ifMatch: [digest] };
}

function refuseConfirmation({ confirmWithin }: ApplyOptions): void {
  if (confirmWithin === undefined) return;
  throw new TswitchError(
    'BAD_REQUEST',
    'networks: changes of these cannot wait to be confirmed; nothing is changed: apply them first, without --confirm-within',
  );
}
