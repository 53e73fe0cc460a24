/* SPDX-License-Identifier: MIT */
/*
 * The script of the page of `vpmu check`. The page works without it; the script adds filters, and
 * opens a link's target in browsers that do not do so by themselves.
 */
#include "page.h"

const char page_script[] =
	"(function(){var d=document,f=d.getElementById('filters'),s=d.getElementById('shown');"
	"function each(q,g){Array.prototype.forEach.call(d.querySelectorAll(q),g)}"
	"function filter(){var m=f.model.value,p=f.profile.value,l=f.life.value,n=0,all=0;"
	"each('[data-model]',function(e){var "
	"a=e.dataset;e.hidden=!!(m&&a.model!=m||p&&a.profile!=p||"
	"l&&a.life&&a.life!=l);if(e.tagName=='TR'){all++;n+=!e.hidden}});"
	"each('th[data-life],td[data-life]',function(e){e.hidden=!!(l&&e.dataset.life!=l)});"
	"s.textContent=n+' of '+all+' rows shown'}"
	"function show(){var e=location.hash&&d.getElementById(decodeURIComponent("
	"location.hash.slice(1)));if(!e)return;"
	"if(e.closest('[hidden]')){f.reset();filter()}"
	"var o=e.closest('details'),all=e.classList.contains('cell')?e.querySelectorAll('details')"
	":o?[o]:[];Array.prototype.forEach.call(all,function(x){x.open=true});e.scrollIntoView()}"
	"f.hidden=false;f.addEventListener('change',filter);"
	"f.addEventListener('reset',function(){setTimeout(filter)});"
	"f.addEventListener('submit',function(e){e.preventDefault()});"
	"addEventListener('hashchange',show);filter();show()})()";
