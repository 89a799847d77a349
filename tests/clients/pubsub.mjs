// What a program that uses the Pub/Sub API does: hears of changes, goes on from where it was, publishes. Prints JSON.
import PubSubApiClient from "salesforce-pubsub-api-client";

const [endpoint, url, organizationId, token] = process.argv.slice(2);
const silent = { debug() {}, info() {}, warn() {}, error: (...words) => process.stderr.write(`${words.join(" ")}\n`) };

async function client() {
  const made = new PubSubApiClient(
    {
      authType: "user-supplied",
      accessToken: token,
      instanceUrl: url,
      organizationId,
      pubSubEndpoint: endpoint,
      rejectUnauthorizedSsl: false,
    },
    silent,
  );
  await made.connect();
  return made;
}

async function rest(method, path, body) {
  const answer = await fetch(`${url}/services/data/v66.0/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "sforce-call-options": "client=somebody",
    },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

// Ends when `count` events came, then hands them over.
function hear(subscribe, count, begun) {
  return new Promise((resolve, reject) => {
    const events = [];
    subscribe(async (subscription, kind, data) => {
      if (kind === "event") {
        events.push(data);
        if (events.length === count) resolve(events);
      } else if (kind === "error") {
        reject(data);
      }
    });
    Promise.resolve(begun && begun()).catch(reject);
  });
}

// Until the org serves a stream of this topic.
async function opened(topic) {
  for (let tries = 0; tries < 200; tries += 1) {
    const streams = await (await fetch(`${url}/standin/events/streams`)).json();
    if (streams.some((one) => one.topic === topic)) return;
    await new Promise((later) => setTimeout(later, 20));
  }
  throw new Error(`no stream of ${topic} was opened`);
}

const got = {};
const listener = await client();
got.state = await listener.getConnectivityState();

const id = (await rest("POST", "sobjects/Account", { Name: "전", Site: "s", BillingStreet: "1 Way", BillingCity: "Seoul", AnnualRevenue: 5 })).id;
const other = (await rest("POST", "sobjects/Account", { Name: "other" })).id;
await rest("PATCH", `sobjects/Account/${id}`, { Name: "후", Phone: "02-1", BillingStreet: null, Site: null, AnnualRevenue: 7.5 });
await rest("DELETE", `sobjects/Account/${other}`);

got.all = await hear((each) => listener.subscribeFromEarliestEvent("/data/AccountChangeEvent", each, 4), 4);
const again = await client();
got.rest = await hear((each) => again.subscribeFromReplayId("/data/AccountChangeEvent", each, 2, got.all[1].replayId), 2);

const live = await client();
got.live = await hear(
  (each) => live.subscribe("/data/ChangeEvents", each),
  120,
  async () => {
    const records = Array.from({ length: 120 }, (_, n) => ({ attributes: { type: "Contact" }, LastName: `c ${n}` }));
    await opened("/data/ChangeEvents"); // before that there is nothing to be heard
    await rest("POST", "composite/sobjects", { records });
  },
).then((events) => [events.length, events[0].payload.Name.LastName, events[119].payload.ChangeEventHeader]);

const publisher = await client();
got.published = await publisher.publish("/event/Order_Event__e", {
  CreatedDate: Date.now(),
  CreatedById: "005000000000000AAA",
  Order_Number__c: { string: "42" },
  Amount__c: { double: 12.5 },
  Has_Shipped__c: { boolean: true },
});
got.heard = await hear((each) => publisher.subscribeFromEarliestEvent("/event/Order_Event__e", each, 1), 1);

const wrong = await client();
got.wrongTopic = await hear((each) => wrong.subscribe("/data/NoSuchChangeEvent", each, 1), 1).catch((error) => String(error.message ?? error));

for (const one of [listener, again, live, publisher, wrong]) one.close();
console.log(JSON.stringify(got, (_, value) => (typeof value === "bigint" ? Number(value) : value)));
process.exit(0);
