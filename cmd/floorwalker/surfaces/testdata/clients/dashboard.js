// A dashboard as customers write it: npm signalr with jQuery in a window of jsdom beside the Web API.
//
// Standard input: {"url":"http://127.0.0.1:1","token":"…","scenarios":[{"transport":"webSockets","agent":41},…]}. Each follows its agent,
// sets its status by the API, and becomes what it was sent: {"subscriptionId","state","change","deleted"}. All run side by side.
'use strict';
const fs = require('fs');
const {JSDOM} = require('jsdom');

const source = name => fs.readFileSync(require.resolve(name), 'utf8');
const {url, token, scenarios} = JSON.parse(fs.readFileSync(0));

async function api(method, path, body) {
  const response = await fetch(`${url}/webapi/api/v2/${path}`,
    {method, headers: {Authorization: `Bearer ${token}`, 'Content-Type': 'application/json'}, body: JSON.stringify(body)});
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? 204 : response.json();
}

async function run({transport, agent}) {
  const window = new JSDOM('', {url, runScripts: 'outside-only'}).window;
  window.EventSource = require('eventsource');
  window.eval(source('jquery'));
  window.eval(source('signalr'));
  const connection = window.$.hubConnection(`${url}/webapi/signalr`, {useDefaultPath: false, qs: {access_token: token}});
  const hub = connection.createHubProxy('ConnectHub');
  const messages = [];
  let check = () => {};
  const message = condition => new Promise(resolve => {
    check = () => messages.filter(condition).slice(0, 1).forEach(resolve);
    check();
  });
  hub.on('agentUpdate', m => { messages.push(m); check(); });

  await connection.start({transport});
  const {subscriptionId} = await api('POST', `subscriptions/agents?agentIds=${agent}`,
    {connectionId: connection.id, statusProperties: ['agentStatus', 'isSuspended']});
  const state = await message(m => m.reset);
  await api('POST', `agentStatus/update/${agent}`, {agentStatusId: 10});
  const change = await message(m => !m.reset);
  const deleted = await api('DELETE', `subscriptions/${subscriptionId}`, {connectionId: connection.id});
  connection.stop();
  return {subscriptionId, state, change, deleted};
}

Promise.all(scenarios.map(run)).then(result => process.stdout.write(JSON.stringify(result), () => process.exit(0)), error => {
  console.error(error && error.stack || error, error && error.context || '');
  process.exit(1);
});
