// A custom pixel for a shop platform whose checkout runs pixels in a sandbox, as Shopify does (Settings, Customer events,
// Add custom pixel). The platform provides `analytics`, `init` and `api`, and this is the whole pixel.

const SERVER = 'https://px.pixelgate.example';
const PIXEL = 'o8z6j';
/** The event tags of that pixel. */
const TAGS = { checkout_completed: 'tw-o8z6j-o87ne', product_added_to_cart: 'tw-o8z6j-o87nh' };

window.twq = function () {
  twq.exe ? twq.exe.apply(twq, arguments) : twq.queue.push(arguments);
};
twq.queue = [];

// What the customer chose on the shop's banner, now and later.
function consent(kind, { marketingAllowed, saleOfDataAllowed }) {
  const choice = marketingAllowed && saleOfDataAllowed ? 'granted' : 'denied';
  twq('consent', kind, { ad_storage: choice, ad_user_data: choice, ad_personalization: choice });
}
consent('default', init.customerPrivacy);
api.customerPrivacy.subscribe('visitorConsentCollected', (event) => consent('update', event.customerPrivacy));

twq('init', PIXEL);
const script = document.createElement('script');
script.async = true;
script.crossOrigin = 'anonymous';
script.src = `${SERVER}/uwt.js`;
document.head.append(script);

// The sandbox does not know the page that it is on; the platform does.
const pageOf = (event) => event.context.document.location.href;

analytics.subscribe('page_viewed', (event) => twq('track', 'PageView', { page: pageOf(event) }));

analytics.subscribe('product_added_to_cart', (event) => {
  const { cartLine } = event.data;
  const { amount, currencyCode } = cartLine.cost.totalAmount;
  twq('event', TAGS.product_added_to_cart, {
    page: pageOf(event),
    value: amount,
    currency: currencyCode,
    num_items: cartLine.quantity,
  });
});

analytics.subscribe('checkout_completed', (event) => {
  const { checkout } = event.data;
  twq('event', TAGS.checkout_completed, {
    page: pageOf(event),
    value: checkout.totalPrice.amount,
    currency: checkout.currencyCode,
    conversion_id: checkout.order.id,
    num_items: checkout.lineItems.reduce((sum, line) => sum + line.quantity, 0),
    // The tag hashes both.
    email_address: checkout.email,
    phone_number: checkout.phone,
  });
});
