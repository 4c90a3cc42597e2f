/** Every maximum of the core in one place. Hitting one is counted under the drop reason beside it. */

/** Bearers of one node; the owner checks its configuration against it. */
export const MAX_BEARERS = 16;
/** Neighbours on one bearer; more are ignored (`neighbour-table-full`). */
export const MAX_NEIGHBOURS_PER_BEARER = 128;
/** Data packets held in all queues of a node (`pool-empty`). */
export const MAX_PACKETS = 512;
/** The same node's position is told to other areas so seldom on the average: each time of who reports every ten seconds. */
export const POSITION_ACROSS_US = 9_000_000;
/** Nodes whose positions were told across; then all are forgotten, and told again. */
export const MAX_POSITIONS_ACROSS = 1024;
/** A border node looks so soon after a change for what to tell of other areas, */
export const AREA_CHECK_US = 20_000;
/** and tells its own area again not sooner than so on the average, unless a way is lost. */
export const AREA_UPDATE_GAP_US = 1_000_000;
/** So many more are in hand: when an area falls apart, what is known of its parts changes a few times within half a second. */
export const AREA_UPDATE_BURST = 3;
/**
 * Which part of its area a node is in, and who else, is told when it has been so for this long: while a mesh comes up it
 * changes all the time. Less than AREA_UPDATE_GAP_US, so that border nodes say it with what they say next.
 */
export const PART_SETTLES_US = 500_000;
/** The first change after this long is told at once. */
export const PART_CALM_US = 5_000_000;
/** Links to nodes that are said to be in another part of the area are asked about so often at most: whoever says so may lie. */
export const DOUBT_GAP_US = 10_000_000;
/** Runs of sequence numbers remembered, one for each source and traffic class; the oldest goes (`sources-forgotten`). */
export const MAX_SEQUENCE_WINDOWS = 4096;
/** Nodes that have started anew, of which it is known when; all are forgotten when there are more. */
export const MAX_RESTARTS = 256;
/** Claims to addresses of others that are remembered; then all are forgotten, and told again (`address-conflict`). */
export const MAX_CONFLICTS = 32;
/** The same claim is told to the owner so seldom, and as long as there is one so much time passes between questions. */
export const CONFLICT_TOLD_US = 60_000_000;
export const DISPUTE_US = 30_000_000;
export const DISPUTED_PULL_GAP_US = 10_000_000;
/** A claim that is on its way to who has to yield is passed on so seldom; and of all claims together one in so much time. */
export const CLAIM_AGAIN_US = 8_000_000;
export const CLAIM_GAP_US = 2_000_000;
/** A node yields to a claim when it has lasted for so long: at first it may only be what is left of the one that it replaces; */
export const CLAIM_SURE_US = 5_000_000;
/** so often it looks whether somebody hears the claimant. */
export const CLAIM_LOOKS = 6;
/** Claims so far apart have nothing to do with each other. */
export const CLAIM_FORGOTTEN_US = 180_000_000;
/** Largest data payload, octets: an IP packet of MAX_IP_OCTETS behind its rule octet (`too-long`), */
export const MAX_PLAIN_OCTETS = 1401;
/** and with what protects it end to end. */
export const MAX_PAYLOAD_OCTETS = MAX_PLAIN_OCTETS + 8;
/** Data packets queued on one bearer (`queue-full`). */
export const MAX_QUEUED_PER_BEARER = 128;
/** Places for sent frames kept for repetition, per stream (`unacknowledged` when one is needed again too soon). */
export const SENT_RING_FRAMES = 64;
/** The same where all neighbours share a wide stream: their acknowledgements take places, some hundreds a second; and the most that a long fast path gets. */
export const SENT_RING_SHARED_FRAMES = 256;
/** Repetitions of one frame on one hop (`retries-exhausted`). */
export const MAX_TRIES = 12;
/** Unanswered tries after which a neighbour is under suspicion, whatever its loss. */
export const MAX_PATIENCE_TRIES = 8;
/** A link is not used any more after this many repetition time-outs in which its other end was not heard at all, */
export const LINK_FAILURE_TIMEOUTS = 4;
/** or when the other end is heard but has acknowledged nothing for this long: it may only be busy. */
export const DEAF_WIDE_US = 2_500_000;
export const DEAF_NARROW_US = 12_000_000;
/** Unacknowledged frames of video and bulk on a shared bearer; the rest waits where it can still be dropped or rerouted. */
export const WINDOW_SHARED_FRAMES = 32;
/** The same to one neighbour: one that is gone must not hold up what is for the others. */
export const WINDOW_NEIGHBOUR_FRAMES = 12;
/** Group frames that wait for somebody else to relay them. */
export const MAX_PENDING_RELAYS = 64;
/** Overheard packets kept for the next hop, in case it has not heard them; more are left to repetition. */
export const MAX_OVERHEARD = 16;
/** What an acknowledgement may take beyond its delay and latency, before an overheard packet is sent on. */
export const OVERHEARD_SLACK_US = 2_000;
/** Loss code (see `LOSS_STEPS`) of a link from which on that is done: more than 7 % of the frames. */
export const OVERHEARD_LOSS_CODE = 3;
/** Frames being put together from fragments (`reassembly-full`). */
export const MAX_REASSEMBLIES = 8;
/** Senders whose subkey is kept (`key-cache-full`). */
export const MAX_SENDERS = 1024;
/** Nodes whose keys are known, and addresses that keys have come from (`key-table-full`). */
export const MAX_PEERS = 2048;
/** Packets that wait for the key of their destination (`awaiting-key`). */
export const MAX_AWAITING_KEY = 32;
/** Whose key is not known is asked for it so often, over a narrow bearer, twice as long after each time, up to so long. */
export const KEY_ASK_GAP_US = 2_000_000;
export const KEY_ASK_GAP_NARROW_US = 8_000_000;
export const KEY_ASK_GAP_MAX_US = 30_000_000;
/** Who asks is answered this often. */
export const KEY_ANSWER_GAP_US = 200_000;
/** A question for a key that passed a node is answered there within this time, when the advertisement comes by. */
export const KEY_QUESTION_US = 10_000_000;
/** Answers for others that a node gives before all else, on average this far apart and so many in a row (`key-answers`). */
export const KEY_ANSWER_EACH_US = 2_000_000;
export const KEY_ANSWER_BURST = 8;
/** A key is reckoned with this often, and so many times in a row (`key-flood`): each takes some 0.3 ms. */
export const KEY_AGREE_GAP_US = 20_000;
export const KEY_AGREE_BURST = 32;
/** Packets kept until there is a way for them (`no-route`, `no-descent` when there are more). */
export const MAX_CUSTODY = 64;
/** How often it is looked whether links have changed for them. */
export const CUSTODY_RETRY_US = 20_000;
/** Copies of a packet that nobody knows a way for, per node. */
export const MAX_SEARCH_COPIES = 8;
/** A node searches this often, and this many times in a row (`no-route`, `no-descent` beyond, or custody). */
export const SEARCH_GAP_US = 50_000;
export const SEARCH_BURST = 8;
/** For one destination that often for so long only, then with such pauses, until nobody has searched for it for a while, */
export const SEARCH_WINDOW_US = 2_000_000;
export const SEARCH_PAUSE_US = 1_000_000;
export const SEARCH_FORGOTTEN_US = 10_000_000;
/** which is remembered of so many. */
export const MAX_SOUGHT = 64;
/** Unused time on air that a full-duplex bearer may catch up with: its owner sleeps in whole milliseconds, or longer. */
export const CATCH_UP_US = 8_000;
/** Own texts under way (`texts-full`). */
export const MAX_OUTGOING_TEXTS = 256;
/** Texts to all are kept so long for those who come later (the oldest goes when there are more); */
export const GROUP_TEXT_KEPT_US = 3_600_000_000;
export const MAX_KEPT_GROUP_TEXTS = 32;
/** each is said so often for them, and so much time lies between two. */
export const MAX_SAID_FOR_NEWCOMERS = 16;
export const SAID_FOR_NEWCOMERS_US = 1_000_000;
/** Delivered message ids remembered, per node. */
export const MAX_REMEMBERED_TEXTS = 4096;
/** SOS calls remembered. */
export const MAX_SOS = 64;
/** Events that wait for the owner (`event-queue-full`). */
export const MAX_EVENTS = 1024;
/** Link-state changes waiting for one bearer; more are left to the digest. */
export const MAX_PENDING_UPDATES = 64;
/** Nodes whose advertisements wait for one bearer: all there can be. */
export const MAX_PENDING_ADVERTISEMENTS = 254;

/** Oldest that a data packet may get in a queue, by traffic class and layout, microseconds (`expired`). */
export const QUEUE_AGE_WIDE_US = [250_000, 5_000_000, 600_000, 15_000_000] as const;
export const QUEUE_AGE_NARROW_US = [450_000, 12_000_000, 1_500_000, 30_000_000] as const;

/** Bulk that may wait on one wide bearer, time on air (`queue-full`); of other classes as much as may get that old. */
export const MAX_QUEUED_BULK_WIDE_US = 1_000_000;
/** Bulk is owed this share of what everything else takes while it waits; */
export const BULK_SHARE = 1 / 16;
/** so many frames of debt are paid even before voice, one before command and video. */
export const BULK_OWED_FRAMES = 4;
/** Share of a bearer that one transmitter's flash may have before everything else, */
export const FLASH_SHARE = 0.1;
/** and that its voice and command may have before others' video and bulk: */
export const MIN_PRIVILEGED_SHARE = 0.25;
/** on slow bearers what a call takes (64 kbit/s in packets of 20 ms, both ways), */
export const MIN_PRIVILEGED_BPS = 200_000;
/** if that is not everything; */
export const MAX_PRIVILEGED_SHARE = 0.75;
/** what it may have at once beyond that; */
export const PRIVILEGE_BURST_US = 100_000;
export const PRIVILEGE_BURST_FRAMES = 8;
/** and over longer times, the time-out timer of a talk key: somebody may talk into a full channel of 9600 bit/s for 45 s. */
export const LONG_TALK_SHARE = 0.3;
export const LONG_TALK_US = 45_000_000;
/** Airtime in advance of others beyond which nobody is charged. */
export const FORGIVEN_AIRTIME_US = 2_000_000;

/** No questions about databases on a narrow bearer while answers are coming. */
export const QUIET_NARROW_US = 1_200_000;
/** Group frames that are said again when the newcomers to a narrow bearer have settled, and within what time then. */
export const MAX_UNSETTLED_NEWS = 8;
export const NEWS_AGAIN_SPREAD_US = 800_000;
/** A group frame other than voice is repeated on request this long on narrow bearers. */
export const NEWS_REPAIR_NARROW_US = 25_000_000;

/** Hello intervals, microseconds. */
/** On wide bearers they are this far apart after a change, twice as far after each without one (RFC 6206), up to */
export const HELLO_FIRST_WIDE_US = 300_000;
/** while data flows, for then it matters who hears whom, or while nobody is there, for then no packet finds out who comes, */
export const HELLO_BUSY_WIDE_US = 1_000_000;
/** and while nothing does, for then the first packet finds out. */
export const HELLO_IDLE_WIDE_US = 5_000_000;
/** So many hellos of a node that nobody hears stay as close as on a busy bearer. */
export const LONELY_HELLOS = 12;
export const HELLO_IDLE_METERED_US = 20_000_000;
/** Data within this time make a bearer busy. */
export const BUSY_US = 3_000_000;
/** A newcomer's on a narrow channel, until it knows somebody. */
export const HELLO_NEWCOMER_NARROW_US = 1_200_000;
/** On narrow channels whoever says nothing else for so long says hello, */
export const SILENCE_NARROW_US = 8_000_000;
/** less often the more others there are, */
export const SILENCE_PER_NEIGHBOUR_US = 400_000;
/** and less and less often while there is nothing else to say, up to this: 39 ms from each of 30 is 0.5 % of the channel. */
export const LONGEST_SILENCE_US = 240_000_000;
/** How far answers of all members of a narrow channel are spread, for each member. */
export const SPREAD_PER_MEMBER_US = 60_000;
/** So often what is lacked is said again after longer and longer waits, each up to so many times the one before. */
export const SAID_AGAIN_STRETCHES = 2;
export const SAID_AGAIN_STRETCH = 4;
/** After a change the members of a narrow channel compare databases within so long, and so often, each time after twice as long. */
export const DIGEST_NARROW_US = 3_000_000;
export const DIGEST_TRIES = 3;
/** Good news about the own links on a narrow channel waits this long for company, and so much for each member. */
export const NEWS_SETTLE_NARROW_US = 250_000;
export const NEWS_SETTLE_PER_MEMBER_US = 60_000;
/** A link without which there is no way to its other end is told after this and up to SPREAD_PER_MEMBER_US for each member, */
export const AWAITED_NARROW_US = 100_000;
/** unless there are more such nodes than so: then many are new, and company comes by itself. */
export const MAX_AWAITED_NODES = 4;
/** Other good news waits twice as long each time, up to four times, unless there has been none for so long. */
export const NEWS_CALM_US = 120_000_000;
/** Somebody whose hello has not been heard is not given up before a few times this. */
export const STRANGER_SILENCE_US = 60_000_000;
/** Whom a member of a narrow channel heard before it fell silent or started anew counts as heard for so long when it is back. */
export const REACH_REMEMBERED_US = 30_000_000;
/** Members tell whom they hear within this long after the last newcomer, for each of them. */
export const SETTLING_PER_MEMBER_US = 250_000;
/** Nobody is asked for a full hello again, by whomever, before this long. */
export const ASK_AGAIN_US = 3_000_000;
export const ASK_AGAIN_PER_MEMBER_US = 300_000;
/** Bad news waits this long at most; at the other end of the link so much longer that the two follow each other. */
export const BAD_NEWS_US = 20_000;
export const BAD_NEWS_SECOND_US = 120_000;
/** Share of a narrow channel's airtime that control frames may have together, while newcomers settle and afterwards; */
export const CONTROL_SHARE_SETTLING = 0.5;
export const CONTROL_SHARE = 0.05;
export const CONTROL_SETTLING_US = 60_000_000;
export const CONTROL_SETTLING_PER_MEMBER_US = 2_000_000;
/** what may be saved up, and what may be overdrawn by what cannot wait; */
export const CONTROL_BURST_US = 2_500_000;
export const CONTROL_DEBT_US = 1_000_000;
/** and the distance of those who have waited for it. */
export const CONTROL_TURN_US = 14_000;
/** A neighbour's own share of control, and what it may save up (`control-share`). */
export const NEIGHBOUR_CONTROL_SHARE = 0.1;
export const NEIGHBOUR_CONTROL_BURST_US = 6_000_000;
/** Least time between two hellos. */
export const HELLO_GAP_WIDE_US = 40_000;
export const HELLO_GAP_NARROW_US = 400_000;
/** A neighbour is gone after this many of its hello intervals without any frame. */
export const NEIGHBOUR_LOST_INTERVALS = 3.5;
/** A neighbour under suspicion is probed by hellos this far apart; */
export const PROBE_US = 50_000;
/** the link has failed when mere loss would explain the silence after so many with less than 1 in 1,000. */
export const MIN_PROBES = 8;
export const MAX_PROBES = 24;
/** A link that failed is used again after this long without trouble. */
export const LINK_HOLD_DOWN_US = 3_000_000;
/** A link may go so often, one time forgiven after each of these, before it is left alone for longer and longer. */
export const FREE_FLAPS = 4;
export const FLAP_FORGIVEN_US = 10_000_000;
export const MAX_FLAP_HOLD_US = 60_000_000;

/** Flows over one narrow bearer that are remembered, each way; more keep their full headers. */
export const MAX_FLOWS = 64;
/** Labels of one octet; 0 is none. */
export const MAX_LABEL = 255;
/** A flow frame's sequence has two bits: it must be this near to what the next hop is known to have. */
export const MAX_FLOW_AHEAD = 2;
/** Packets of a flow whose frames a receiver remembers: it must know what came before one that is repeated. */
export const FLOW_MEMORY = 8;
/** So many packets make a flow: an offer takes as long on the air as a label saves in so many more. */
export const FLOW_ESTABLISHED_PACKETS = 4;
/** Each comes within this time of the one before, */
export const FLOW_PACE_US = 10_000_000;
/** and a flow without any for so long makes room for another. */
export const FLOW_UNUSED_US = 60_000_000;
/** An offer that was not taken up is said again after this long. */
export const FLOW_OFFER_AGAIN_US = 10_000_000;
/** Tries of a flow frame after which its packet goes with a full header. */
export const FLOW_TRIES = 2;
/** How long an offer waits for company. */
export const FLOW_OFFER_DELAY_US = 60_000;

/** Several bearers to one node as one link: copies of one packet at most (a path more is not used), */
export const MAX_COPIES = 4;
/** which are repeated for so long: what is sent twice is to arrive, be it late; */
export const CRITICAL_AGE_US = 1_000_000;
/** how many have to be sent for one that may be repeated before the others can be answered, */
export const PACKETS_PER_HURRY = 15;
/** and how many such may be saved up: runs of losses want several. */
export const MAX_HURRIES_SAVED = 4;
/** and copies that wait to leave (`copies-full`). */
export const MAX_DELAYED_COPIES = 16;
/** Delays of a path that are remembered: 2.5 s of voice. */
export const DELAY_SAMPLES = 128;
/** Frames that the loss of a path is reckoned over. */
export const LOSS_MEMORY_FRAMES = 256;
/** A path of which nothing is known counts as if so many frames had arrived on it: the first run of losses is not all there is. */
export const LOSS_PRIOR_FRAMES = 8;
/** What was too bad to be used is measured anew after this time without a frame, at last after that. */
export const PATH_RETRY_US = 1_000_000;
export const PATH_MAX_RETRY_US = 60_000_000;
/** Silence of a path while others bring later packets is no suspicion before this long. */
export const SILENT_LEAST_US = 45_000;
/** It is told over so many of the other paths, again after each of these pauses. */
export const TELL_PATHS = 2;
export const TELL_AGAIN_US = [10_000, 15_000, 0] as const;
/** A path that has answered so lately is not believed to be silent. */
export const SUSPICION_GAP_US = 30_000;
/** A path under suspicion that was good keeps its copies for so long. */
export const SUSPECT_COPY_US = 1_000_000;
/** Another path has to be clearly better for so long before it takes the first place. */
export const PATH_SWITCH_US = 2_000_000;
/** What one waits to save a cent per megabyte, in classes that ask for money: as `linkCost` has it for command. */
export const PATH_MONEY_US_PER_CENT = 5_000;
/** A path that went has to be clean for so long before it is trusted again, */
export const PATH_HOLD_US = 3_000_000;
/** twice as long each time if it went within so long, up to this. */
export const PATH_HOLD_AGAIN_US = 120_000_000;
export const PATH_MAX_HOLD_US = 60_000_000;
/** Hellos that ask a silent node, and their distance, before a path is given up where another one serves meanwhile. */
export const MERGED_PROBES = 10;
export const PROBE_MERGED_US = 200_000;

/** Video over several bearers to one node is to arrive within this time of coming here (`video-late`); */
export const VIDEO_DEADLINE_US = 400_000;
/** so many packets wait for a path, for each node (`queue-full`: the oldest goes); */
export const MAX_WAITING_VIDEO = 128;
/** a path gets what it can send within so long, more waits where it can still go elsewhere; */
export const VIDEO_AHEAD_US = 10_000;
/** it is looked again for paths so often while something waits; */
export const VIDEO_LOOK_AGAIN_US = 20_000;
/** and a cent per megabyte counts as so much delay: a dear path carries what the cheaper ones cannot. */
export const VIDEO_CENT_DELAY_US = 50_000;
/** A second way over the mesh counts as so much later: it carries what the usual one cannot. */
export const VIDEO_SECOND_WAY_US = 30_000;
/** What is under way at first on a path that has shown nothing (RFC 3390): 70 ms of one that passes 0.5 Mbit/s. */
export const VIDEO_FIRST_WINDOW_OCTETS = 4_380;

/** Parity of such video: packets of a block, and how long one lasts: three frames of a camera. */
export const VIDEO_BLOCK_PACKETS = 32;
export const VIDEO_BLOCK_US = 100_000;
/** Rows of parity of one block at most, and the share of its packets that they may be: (26, 20), and (42, 32). */
export const MAX_PARITY_ROWS = 10;
export const VIDEO_PARITY_SHARE = 0.3;
/** There is as much as leaves so many packets lost: at 6 Mbit/s one in 15 s, and each costs the picture until it is asked for. */
export const VIDEO_RESIDUAL_LOSS = 1e-4;
/** Parity on the path of most of its block, or one that shares a risk with that, counts as so much later. */
export const VIDEO_SAME_PATH_US = 100_000;
/** Blocks that are open at one time at the sender (the oldest ends early), */
export const MAX_OPEN_BLOCKS = 4;
/** and blocks whose parity has come (`parity-short`: the oldest goes, and packets of it have not come). */
export const MAX_PARITY_BLOCKS = 8;
/** Packets that are kept at the receiver until their parity comes: 375 ms of 6 Mbit/s; older ones count as missing; */
export const MAX_PARITY_SYMBOLS = 256;
/** and none unless there has been parity within so long. */
export const PARITY_HEARD_US = 10_000_000;

/** An encoder is told so much of what the paths carry: key frames and repetition need the rest. */
export const VIDEO_RATE_SHARE = 0.75;
/** It is looked this often whether that is another rate, and a higher one has to last so long. */
export const VIDEO_RATE_CHECK_US = 100_000;
export const VIDEO_RATE_RISE_US = 2_000_000;

/** What a distance snapshot tells is believed this long: advertisements follow. */
export const HEARSAY_US = 120_000_000;
/** Snapshots on one narrow bearer are this far apart, and wait up to this long for others' frames. */
export const SNAPSHOT_GAP_US = 1_000_000;
export const SNAPSHOT_SPREAD_US = 40_000;
/** So often, and this far apart, somebody is told who does not say that it hears. */
export const SNAPSHOT_TRIES = 3;
/** So often all are told of nodes behind another bearer: who misses it waits for advertisements, for minutes. */
export const SNAPSHOT_SAID = 2;
export const SNAPSHOT_AGAIN_US = 400_000;
/** No snapshot answers a stranger this soon after another one: many at once are a channel that comes up. */
export const STRANGER_ALONE_US = 10_000_000;

/** How long an acknowledgement may wait for company. */
export const REPORT_DELAY_WIDE_US = 2_000;
/** So many frames are acknowledged without waiting: a report tells of 33. */
export const ACKNOWLEDGE_AT_ONCE_FRAMES = 16;
export const REPORT_DELAY_NARROW_US = 60_000;
/** The same of a key that is for the node itself, on a narrow bearer. */
export const REPORT_DELAY_KEY_US = 250_000;
/** How long a gap may be mere reordering. */
export const GAP_DELAY_SHARED_US = 8_000;
export const GAP_DELAY_DIRECT_US = 30_000;
export const GAP_DELAY_NARROW_US = 150_000;
/** Voice that is still missing on a wide bearer is asked for again after this long, */
export const GAP_AGAIN_SHARED_US = 16_000;
/** as long as it is among the last so many frames of its talker: later than 240 ms nobody would play it. */
export const VOICE_REPAIR_FRAMES = 12;
/** Gaps are asked for so often at most, the very same frame is repeated so often. */
export const MAX_ASKS_WIDE = 6;
export const MAX_ASKS_NARROW = 2;
export const MAX_GROUP_TRIES_WIDE = 6;
export const MAX_GROUP_TRIES_NARROW = 4;
/** The same while somebody talks on the channel. */
export const GAP_DELAY_TALK_US = 1_200_000;
/** The same for the talker's own frames: when voice is too late to come again, only the rest is repeated. */
export const GAP_DELAY_TALKER_US = 500_000;
/** Speech in a bundle of Codec2 frames. */
export const VOICE_BUNDLE_US = 120_000;
/** The same in units of a voice header's timestamp. */
export const VOICE_BUNDLE_UNITS = VOICE_BUNDLE_US / 20_000;
/** More in a packet would be half a second late, and lost with it. */
export const MAX_VOICE_BUNDLES = 4;
/** A talker whom others hear is not heard here when it has been silent for so long, and has talked as long since. */
export const MISSED_TALK_US = 700_000;
/** Those who hear a talker tell of it when it has talked for so long. */
export const TALK_TOLD_US = 300_000;
/** Later than so a time-out was not: the bearer was down. */
export const MAX_LATE_US = 500_000;
/** An answer to speech that is always as quick may yet be later by this (RFC 6298 2.3, G). */
export const RTT_GRANULARITY_US = 1_000;
/** Bounds of the repetition time-out. */
export const MIN_RTO_DIRECT_US = 10_000;
/** On a shared medium acknowledgements wait for others' transmissions. */
export const MIN_RTO_SHARED_US = 50_000;
export const MIN_RTO_NARROW_US = 700_000;
export const MAX_RTO_US = 8_000_000;

/** Own packets for all wait so long for somebody who hears them, and so much longer for more links than the first; */
export const COMPANY_US = 2_000_000;
export const COMPANY_LINGER_US = 50_000;
/** so many of them; more go at once. */
export const MAX_AWAITING_COMPANY = 8;
/** So soon after a change it is looked whether anybody can be reached who could not before; */
export const NEWCOMERS_LOOK_US = 200_000;
/** they are told of when nobody more has come for so long; */
export const NEWCOMERS_CALM_US = 1_000_000;
/** and not by all at once, for all then have something to say. */
export const NEWCOMERS_SPREAD_US = 500_000;

/** Random wait before a group frame is relayed, so that relays hear each other. */
export const RELAY_JITTER_WIDE_US = 3_000;
/** Neighbours of a newcomer who all have the same to say again do so within this time, so that two need to. */
export const RELAY_AGAIN_WIDE_US = 40_000;
/** Turns that a relay waits at most for better ones on a wide bearer: they may all have just died. */
export const RELAY_TURNS_WIDE = 6;
/** How much later than its predecessor each further relay sends into a narrow channel. */
export const RELAY_RANK_FLASH_US = 350_000;
export const RELAY_RANK_US = 1_500_000;
/** Positions that go in one frame on a narrow channel: 143 ms at 9600 bit/s, about what two bundles of speech take. */
export const MAX_POSITIONS_PER_FRAME = 8;
/** Group frames on narrow channels whose relays are listened for (the oldest is forgotten), */
export const MAX_ECHOES = 32;
/** for half as long again as this at most beyond their turns, before the frame is repeated so often. */
export const ECHO_US = 1_500_000;
export const MAX_ECHO_REPEATS = 2;

/** Turn-taking on half-duplex media: quiet time before anybody may begin, and the time to notice that somebody has. */
export const CONTENTION_GUARD_US = 8_000;
export const CONTENTION_SLOT_US = 14_000;
/** Who has said that something will come of it, which others have to bring it first, keeps the first turn for so long. */
export const FIRST_TURN_KEPT_US = 500_000;

/** What is sent on a path of the sender's choice waits so long at most (`expired`): its sender repeats it elsewhere. */
export const PATH_FRAME_AGE_US = 500_000;

/** Streams of bulk transfer at one node, all peers together (reset with `full`). */
export const MAX_BULK_STREAMS = 64;
/** Nodes that streams go to or come from (`peers-full`). */
export const MAX_BULK_PEERS = 32;
/** A peer without streams is forgotten after this long without any packet. */
export const BULK_PEER_IDLE_US = 60_000_000;
/** Octets that one stream holds for sending: 26 Mbit/s for 600 ms, and what lies behind until it is acknowledged; */
export const MAX_BULK_SEND_OCTETS = 3 * 2 ** 20;
/** and all streams of a node together. The writer waits. */
export const MAX_BULK_SEND_TOTAL_OCTETS = 32 * 2 ** 20;
/** What a stream may have under way before its reader has taken it: at first, and when the reader keeps up; */
export const BULK_WINDOW_FIRST_OCTETS = 512 * 1024;
export const BULK_WINDOW_OCTETS = 4 * 2 ** 20;
/** and all streams of a node together: windows grow no further. More in the window than was told is dropped (`beyond-window`). */
export const MAX_BULK_WINDOW_TOTAL_OCTETS = 48 * 2 ** 20;
/** Numbered packets under way on one path. */
export const MAX_BULK_FLIGHT_PACKETS = 4096;
/** Streams that have ended and are remembered, so that a late copy does not begin them anew. */
export const MAX_BULK_ENDED = 256;
/** Events that wait for the owner; a peer that makes more is not acknowledged (`events-full`). */
export const MAX_BULK_EVENTS = 4096;
/** What came is acknowledged within this time, or when so many packets wait for it. */
export const BULK_ACKNOWLEDGE_US = 10_000;
export const BULK_ACKNOWLEDGE_PACKETS = 32;
/** A path on which later packets of this number were acknowledged has lost those before (RFC 9002 6.1.1). */
export const BULK_REORDERED_PACKETS = 3;
/** Silence beyond the round trip and its variance that makes a path suspect: nothing new goes there. */
export const BULK_SILENCE_US = 25_000;
/** A suspect path is probed this often at first, seldom later. */
export const BULK_PROBE_US = 10_000;
export const BULK_PROBE_MAX_US = 1_000_000;
/** A stream whose octets nobody acknowledges for so long is reset with `timed-out`. */
export const BULK_DEAD_US = 120_000_000;
/** How long a disjoint way serves the next packets to the same node, unless link state changes. */
export const DISJOINT_WAY_US = 50_000;
/** A second way for bulk or video with a slower hop than this on it is left to who has no other. */
export const MIN_SECOND_WAY_BPS = 100_000;
/** What a cent per megabyte counts in delay: dearer paths carry what the cheaper ones could not in that time. */
export const BULK_CENT_DELAY_US = 1_000_000;

/** IPv4 and UDP headers, which data caps of metered bearers count as well. */
export const CAP_FRAME_OCTETS = 28;
/** What a class may send at once, however low its rate: two large packets, or so many seconds of the rate. */
export const CLASS_BURST_OCTETS = 3000;
export const CLASS_BURST_S = 0.25;
/** Whom a frame may be from that names no neighbour: numbers tried for the bearer at its end, the own one first, */
export const STRANGER_BEARERS = 4;
/** and boots after the one that is known, of each of which the counters begin with 0. */
export const STRANGER_BOOTS = 3;
/** How often the bits of a counter that travel have begun anew since it was kept. */
export const STRANGER_SPANS = 4;
/** An acquaintance is told of again after so many frames: within a quarter of what those bits tell apart. */
export const ACQUAINTANCE_COUNTERS = 2048;

/** After a policy with a false signature no other one is looked at for so long: a check costs half a millisecond. */
export const POLICY_CHECK_GAP_US = 20_000;
/** Who hears on a narrow bearer of a newer policy asks for it after so long: it may be on its way. */
export const POLICY_ASK_FIRST_US = 2_000_000;
/** And again after so long, then twice that, and so on. */
export const POLICY_ASK_GAP_US = 4_000_000;
export const POLICY_ASK_GAP_MAX_US = 64_000_000;
/** Nodes with an older policy are sent the own one at most this often, whoever they are. */
export const POLICY_OFFER_GAP_US = 250_000;
