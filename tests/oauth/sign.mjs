// Signs the same requests with two client libraries that share no code, a JSON object a line:
// { library, method, url, authorization, contentType, body }. usage: node sign.mjs ORIGIN
import { createHmac } from 'node:crypto';

import oauth from 'oauth';
import OAuth10a from 'oauth-1.0a';

const origin = process.argv[2];
const consumer = { key: 'dev-consumer-key', secret: 'dev-consumer-secret' };
const token = { key: 'dev-access-token', secret: 'dev-access-secret' };

const conversion = JSON.stringify({
  conversions: [{
    conversion_timestamp: Date.now() - 1000,
    event_id: 'o87ne',
    identifiers: [{ twclid: '23opevjt88psuo13lu8d020qkn' }],
  }],
});
const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
const requests = [
  { method: 'GET', path: '/12/accounts' },
  { method: 'GET', path: '/12/accounts/18ce54d4x5t?count=200&with_deleted=true' },
  // The library oauth signs repeated names as `sort_by[0]`, which RFC 5849 does not have.
  { method: 'GET', path: '/12/accounts?sort_by=name-asc&sort_by=id-desc&empty=', only: 'oauth-1.0a' },
  { method: 'GET', path: '/12/accounts?sort_by=name-asc&empty=&b=2&a=1', only: 'oauth' },
  { method: 'GET', path: '/12/accounts?q=a%20b%26c%3Dd%2Be~f%C3%BC%2F%3F%21%2A%27%28%29' },
  { method: 'POST', path: '/12/measurement/conversions/o8z6j', contentType: json, body: conversion },
  { method: 'POST', path: '/11/measurement/conversions/o8z6j?validate_only=true&x=1', contentType: json, body: conversion },
];

const modern = new OAuth10a({
  consumer,
  signature_method: 'HMAC-SHA1',
  hash_function: (text, key) => createHmac('sha1', key).update(text).digest('base64'),
});
const classic = new oauth.OAuth(null, null, consumer.key, consumer.secret, '1.0', null, 'HMAC-SHA1');

for (const { method, path, contentType, body, only } of requests) {
  const url = origin + path;
  const signed = {
    'oauth-1.0a': modern.toHeader(modern.authorize({ url, method }, token)).Authorization,
    oauth: classic.authHeader(url, token.key, token.secret, method),
  };
  for (const [library, authorization] of Object.entries(signed)) {
    if (only && only !== library) continue;
    console.log(JSON.stringify({ library, method, url, authorization, contentType: contentType ?? form, body: body ?? '' }));
  }
}
