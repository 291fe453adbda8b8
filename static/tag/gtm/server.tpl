___TERMS_OF_SERVICE___

By creating or modifying this file you agree to Google Tag Manager's Community
Template Gallery Developer Terms of Service available at
https://developers.google.com/tag-manager/gallery-tos (or such other URL as
Google may provide), as modified from time to time.


___INFO___

{
  "type": "TAG",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "Pixelgate",
  "brand": {
    "id": "brand_dummy",
    "displayName": "Pixelgate"
  },
  "description": "Reports events of a server container to Pixelgate, with what the browser said about consent.",
  "containerContexts": [
    "SERVER"
  ]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "TEXT",
    "name": "pixel",
    "displayName": "Pixel id",
    "simpleValueType": true,
    "valueValidators": [
      {
        "type": "NON_EMPTY"
      },
      {
        "type": "REGEX",
        "args": [
          "^[0-9A-Za-z]{1,12}$"
        ]
      }
    ]
  },
  {
    "type": "SELECT",
    "name": "what",
    "displayName": "What happened",
    "macrosInSelect": false,
    "selectItems": [
      {
        "value": "pageview",
        "displayValue": "Page view"
      },
      {
        "value": "event",
        "displayValue": "An event tag"
      }
    ],
    "simpleValueType": true,
    "defaultValue": "pageview"
  },
  {
    "type": "TEXT",
    "name": "tag",
    "displayName": "Event tag",
    "simpleValueType": true,
    "help": "As tw-o8z6j-o87ne.",
    "valueValidators": [
      {
        "type": "REGEX",
        "args": [
          "^tw-[0-9A-Za-z]+-[0-9A-Za-z]+$"
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "what",
        "paramValue": "event",
        "type": "EQUALS"
      }
    ]
  }
]


___SANDBOXED_JS_FOR_SERVER___

// Sends one hit for an event that the container got from a browser, with all that the browser and the container say about
// consent. The server decides by it as it does for a browser's own hits.

const JSON = require('JSON');
const encodeUriComponent = require('encodeUriComponent');
const getAllEventData = require('getAllEventData');
const getRequestHeader = require('getRequestHeader');
const getType = require('getType');
const makeString = require('makeString');
const sendHttpGet = require('sendHttpGet');
const sha256Sync = require('sha256Sync');

const SERVER = 'https://px.pixelgate.example';
const FORWARDED = ['User-Agent', 'Sec-GPC', 'DNT', 'Sec-Purpose', 'X-AdChoices'];
const CONSENT = ['gdpr', 'gdpr_consent', 'addtl_consent', 'gpp', 'gpp_sid', 'us_privacy'];

const event = getAllEventData();
const user = event.user_data || {};
const state = event.consent_state || {};

/** What has no value is not sent. */
const isThere = (value) => value !== undefined && value !== null && value !== '';

/** The hash of what is left of an address without `filling`, if it has `mark` in it. Never the address itself. */
const hash = (text, filling, mark) => {
  if (!isThere(text)) return undefined;
  const normal = filling.reduce((rest, part) => rest.split(part).join(''), makeString(text).toLowerCase());
  return normal.indexOf(mark) < 0 ? undefined : sha256Sync(normal, {outputEncoding: 'hex'});
};

const details = {};
const give = (name, value) => {
  if (isThere(value)) details[name] = value;
};
give('value', event.value);
give('currency', event.currency);
give('conversion_id', event.transaction_id);
give('num_items', getType(event.items) == 'array' ? event.items.length : undefined);
give('email_address', user.sha256_email_address || hash(user.email_address, [' '], '@'));
give('phone_number', user.sha256_phone_number || hash(user.phone_number, [' ', '-', '.', '/', '(', ')'], '+'));

const query = {
  txn_id: data.pixel,
  events: JSON.stringify([[data.what == 'event' ? data.tag : 'pageview', details]]),
  event_id: event.event_id,
  tw_document_href: makeString(event.page_location || '').split('?')[0].split('#')[0],
  twclid: event.twclid,
  restricted_data_use: state.ad_personalization === false ? 'on' : undefined
};
CONSENT.forEach((name) => {
  query[name] = event[name];
});

const pairs = [];
for (const name in query) {
  if (isThere(query[name])) pairs.push(name + '=' + encodeUriComponent(makeString(query[name])));
}

const headers = {};
FORWARDED.forEach((name) => {
  const value = getRequestHeader(name);
  if (value) headers[name] = value;
});

if (state.ad_storage === false || state.ad_user_data === false) {
  // Denied: there is nothing to send, and nothing has gone wrong.
  data.gtmOnSuccess();
} else {
  sendHttpGet(SERVER + '/i/adsct?' + pairs.join('&'), {headers: headers, timeout: 3000}).then((answer) => {
    if (answer.statusCode == 200) data.gtmOnSuccess();
    else data.gtmOnFailure();
  }, data.gtmOnFailure);
}


___SERVER_PERMISSIONS___

[
  {
    "instance": {
      "key": {
        "publicId": "read_event_data",
        "versionId": "1"
      },
      "param": [
        {
          "key": "eventDataAccess",
          "value": {
            "type": 1,
            "string": "any"
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "read_request",
        "versionId": "1"
      },
      "param": [
        {
          "key": "headerWhitelist",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "headerName"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "user-agent"
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "headerName"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "sec-gpc"
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "headerName"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "dnt"
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "headerName"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "sec-purpose"
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "headerName"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "x-adchoices"
                  }
                ]
              }
            ]
          }
        },
        {
          "key": "headersAllowed",
          "value": {
            "type": 8,
            "boolean": true
          }
        },
        {
          "key": "requestAccess",
          "value": {
            "type": 1,
            "string": "specific"
          }
        },
        {
          "key": "headerAccess",
          "value": {
            "type": 1,
            "string": "specific"
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "send_http",
        "versionId": "1"
      },
      "param": [
        {
          "key": "allowedUrls",
          "value": {
            "type": 1,
            "string": "specific"
          }
        },
        {
          "key": "urls",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 1,
                "string": "https://px.pixelgate.example/i/adsct*"
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  }
]


___TESTS___

scenarios: []


___NOTES___

Put the host of your server in the place of px.pixelgate.example before you import this file.

The hits come from the container's address: where a country matters, have the event say gdpr, gpp or us_privacy.
