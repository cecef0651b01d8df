/** For `node --import`: has Node find `tswitch/…` and its packages from any folder. Used to run the tests of logics. */
import { resolveForLogics } from '../datapath/logic-loader.ts';

resolveForLogics();
