/** What two instances of an edge say to each other in a hand-over, in the order in which they say it: JSON of these shapes. */

import * as v from "valibot";
import { handedSession, udpOffer } from "#edge/udp/udp-offer.ts";

/** Rises with every change that another version would misunderstand. */
export const handOverVersion = 1;

/** The predecessor, at once. What another version says besides is not looked at. */
export const anyOffer = v.looseObject({ version: v.number() });
export const ownOffer = v.object({ version: v.literal(handOverVersion), udp: udpOffer });

/** The successor: its sockets are open beside those of the predecessor; it has the sessions; or it does not know this version. */
export const successorStep = v.picklist(["beside", "adopted", "other-version"]);
export type SuccessorStep = v.InferOutput<typeof successorStep>;

/** The predecessor, after `adopted`: it has no session any more. */
export const sessionsLeft = "left";

/** The predecessor, after `beside`. It closes once it has no listening socket any more. */
export const handedSessions = v.object({ sessions: v.array(handedSession) });
