// What a program that uses jsforce does with an org; prints what it got as JSON.
import jsforce from "jsforce";

const [url, username, password, receiver] = process.argv.slice(2);
const got = {};

const byToken = new jsforce.Connection({
  version: "66.0",
  oauth2: { loginUrl: url, clientId: "isthmus", clientSecret: "isthmus" },
  loginUrl: url,
});
await byToken.authorize({ grant_type: "client_credentials" });
got.identity = await byToken.identity();

const conn = new jsforce.Connection({ loginUrl: url, version: "64.0" });
got.user = await conn.login(username, password); // SOAP login()
got.versions = (await conn.request("/services/data")).length;
got.limits = await conn.limits();
got.limitInfo = conn.limitInfo;

const account = conn.sobject("Account");
const made = await account.create([
  { Name: "하나", External_Id__c: "j-1", NumberOfEmployees: 5 },
  { Name: "둘 'quoted'", External_Id__c: "j-2", AnnualRevenue: 1234.5 },
  { Name: "third", External_Id__c: "j-3" },
]);
got.made = made;
const ids = made.map((one) => one.id);
got.retrieved = await account.retrieve(ids);
got.updated = await account.update({ Id: ids[0], Phone: "02-1" });
got.upserted = await account.upsert([{ External_Id__c: "j-2", Phone: "02-2" }, { External_Id__c: "j-4", Name: "fourth" }], "External_Id__c");
got.one = await account.upsert({ External_Id__c: "j-1", Site: "Seoul" }, "External_Id__c");
const contacts = await conn.sobject("Contact").create([
  { LastName: "김", AccountId: ids[0] },
  { LastName: "Lee", Account: { External_Id__c: "j-1" } },
]);
got.contacts = contacts;

got.children = await conn.query(
  "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE External_Id__c = 'j-1'",
);
got.grouped = await conn.query("SELECT Name, COUNT(Id) howMany FROM Account GROUP BY Name HAVING COUNT(Id) > 0 ORDER BY Name");
got.found = await account
  .find({ External_Id__c: { $like: "j-%" }, NumberOfEmployees: { $gte: 5 } }, { Name: 1, CreatedDate: 1, "Owner.Name": 1 })
  .sort({ CreatedDate: -1, Name: 1 })
  .limit(5);
got.count = await account.count({ Name: { $ne: null } });
got.included = await account.select("Id, Name").include("Contacts").select("LastName").end().where("External_Id__c = 'j-1'").execute();

const global = await conn.describeGlobal();
got.objects = global.sobjects.map((one) => one.name);
const described = await account.describe();
got.fields = described.fields.map((one) => one.name);

// A query of many pages, followed to its end; made through Bulk API 2.0, as jsforce does for many records.
conn.bulk2.pollInterval = 50;
conn.bulk2.pollTimeout = 60000;
const many = Array.from({ length: 4500 }, (_, n) => ({ LastName: `many ${n}`, External_Id__c: `m-${n}`, Email: "" }));
const loaded = await conn.bulk2.loadAndWaitForResults({ object: "Contact", operation: "insert", input: many });
got.loaded = [loaded.successfulResults.length, loaded.failedResults.length, loaded.unprocessedRecords.length];
got.paged = (await conn.query("SELECT Id FROM Contact WHERE External_Id__c LIKE 'm-%'", { autoFetch: true, maxFetch: 10000 })).records.length;
const bad = await conn.bulk2.loadAndWaitForResults({
  object: "Contact",
  operation: "upsert",
  externalIdFieldName: "External_Id__c",
  input: [{ External_Id__c: "m-1", LastName: "changed, \"quoted\"\nand broken" }, { External_Id__c: "m-new", LastName: "" }],
});
got.bad = bad;
const stream = await conn.bulk2.query("SELECT Id, LastName, External_Id__c, CreatedDate FROM Contact WHERE External_Id__c LIKE 'm-%' ORDER BY External_Id__c");
const rows = await stream.toArray();
got.bulkRows = [rows.length, rows[0], rows.find((one) => one.External_Id__c === "m-1")];
const gone = await conn.bulk2.loadAndWaitForResults({ object: "Contact", operation: "delete", input: rows.slice(0, 10).map((one) => ({ Id: one.Id })) });
got.gone = gone.successfulResults.length;

got.composite = await conn.requestPost("/services/data/v64.0/composite", {
  allOrNone: true,
  compositeRequest: [
    { method: "POST", url: "/services/data/v64.0/sobjects/Account", referenceId: "a", body: { Name: "parent" } },
    { method: "POST", url: "/services/data/v64.0/sobjects/Contact", referenceId: "c", body: { LastName: "child", AccountId: "@{a.id}" } },
  ],
});

const start = new Date(Date.now() - 3600 * 1000);
const end = new Date(Date.now() + 60 * 1000);
got.destroyed = await account.destroy([ids[2]]);
got.deleted = await account.deleted(start, end);
got.changed = (await account.updated(start, end)).ids.length;
got.undeleted = await conn.soap.undelete([ids[2]]).catch((error) => ({ failed: String(error) }));
try {
  await account.create({ Name: null });
} catch (error) {
  got.refused = { name: error.name, code: error.errorCode, message: error.message };
}
try {
  await conn.query("SELECT Nope FROM Account");
} catch (error) {
  got.unknown = { name: error.name, code: error.errorCode, message: error.message };
}
const late = new jsforce.Connection({ instanceUrl: conn.instanceUrl, accessToken: conn.accessToken, version: "64.0" });
await conn.logout();
try {
  await late.sobject("Account").retrieve(ids[0]);
} catch (error) {
  got.afterLogout = { name: error.name, code: error.errorCode };
}
console.log(JSON.stringify(got));
